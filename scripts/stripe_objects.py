#!/usr/bin/env python3
"""Compares what the stand-in for Stripe's API answers with Stripe's SDK: `python3 scripts/stripe_objects.py [PATH]`.

The classes of the Python package `stripe` are generated from Stripe's OpenAPI description. Each field that the stand-in
answers must be a field of the class, with a value of its type; a word must be one of those that the class lists. PATH is the
wheel of the package, or a folder that contains it; by default the installed one is read. Exits with 1 if something
differs. It changes no file.
"""

import ast
import json
import sys
from pathlib import Path

from stripe_sdk import read_by

RECORDED = Path(__file__).resolve().parent.parent / "testkit/testdata/stripe_objects.json"
PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float)}
# What Stripe answers although the SDK does not name it.
UNPUBLISHED = {"list.total_count"}


class Sdk:
    """The classes of the SDK: by the word in `object`, and by their names."""

    def __init__(self, sources):
        self.by_object, self.by_name = {}, {}
        for source in sources:
            for node in ast.parse(source).body:
                if isinstance(node, ast.ClassDef):
                    self.by_name.setdefault(node.name, node)
                    name = object_name(node)
                    if name:
                        self.by_object[name] = node
        if "subscription" not in self.by_object:
            raise ValueError("no class of subscriptions")

    def problems(self, value, place="", kind=None):
        """What is wrong with an object, by the class of its `object`, or by a nested class."""
        if value.get("object") == "list":
            return self.of_list(value, place, None)
        scope = kind or self.by_object.get(value.get("object"))
        if scope is None:
            return [f"{place}: no class for {value.get('object')!r}"]
        place = place or value["object"]
        fields = {it.target.id: it.annotation for it in scope.body if isinstance(it, ast.AnnAssign)}
        found = []
        for name, field in value.items():
            if name not in fields:
                found.append(f"{place}.{name}: no such field")
            else:
                found += self.of_type(field, fields[name], f"{place}.{name}", scope)
        return found

    def of_list(self, value, place, item):
        found = [f"{place}.{name}: no such field" for name in value if name not in {"object", "data", "has_more", "url"} and f"list.{name}" not in UNPUBLISHED]
        for element in value["data"]:
            found += self.of_type(element, item[0], f"{place}[]", item[1]) if item else self.problems(element)
        return found

    def of_type(self, value, annotation, place, scope):
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            annotation = ast.parse(annotation.value, mode="eval").body
        wrong = [f"{place}: {json.dumps(value)[:60]} is not {ast.unparse(annotation)[:120]}"]
        if isinstance(annotation, ast.Subscript):
            return self.of_generic(value, annotation, place, scope, wrong)
        name = annotation.id if isinstance(annotation, ast.Name) else annotation.attr
        if name in PLAIN:
            # A bool is an int in Python, and in no API.
            fits = isinstance(value, PLAIN[name]) and (name == "bool" or not isinstance(value, bool))
            return [] if fits else wrong
        if name in ("Any", "Decimal", "UntypedStripeObject"):
            return []
        kind = next((it for it in scope.body if isinstance(it, ast.ClassDef) and it.name == name), None)
        kind = kind or self.by_name.get(name)
        if kind is None or not isinstance(value, dict):
            return wrong
        return self.problems(value, place, kind)

    def of_generic(self, value, annotation, place, scope, wrong):
        name = annotation.value.id
        inner = annotation.slice
        parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        if name == "Optional":
            return [] if value is None else self.of_type(value, inner, place, scope)
        if name == "Literal":
            return [] if value in [part.value for part in parts] else wrong
        if name == "ExpandableField":
            return [] if isinstance(value, str) else self.of_type(value, inner, place, scope)
        if name == "Union":
            # Words that may become more are a literal or any string: only those that are listed are known.
            words = [part for part in parts if isinstance(part, ast.Subscript) and part.value.id == "Literal"]
            tried = [self.of_type(value, part, place, scope) for part in words or parts]
            return [] if any(not found for found in tried) else wrong
        if name == "List" and isinstance(value, list):
            return [it for element in value for it in self.of_type(element, inner, f"{place}[]", scope)]
        if name == "ListObject" and isinstance(value, dict) and value.get("object") == "list":
            return self.of_list(value, place, (inner, scope))
        if name in ("Dict", "UntypedStripeObject") and isinstance(value, dict):
            return [it for key, entry in value.items() for it in self.of_type(entry, parts[-1], f"{place}.{key}", scope)]
        return wrong


def object_name(node):
    for it in node.body:
        if isinstance(it, ast.AnnAssign) and getattr(it.target, "id", None) == "OBJECT_NAME" and it.value is not None:
            return it.value.value
    return None


def classes(package):
    """The classes of the modules that have objects."""
    modules = (package.read(name) for name in package.names() if name.rpartition("/")[2].startswith("_"))
    return Sdk(text for text in modules if "OBJECT_NAME" in text)


def main(paths):
    sdk = read_by(classes, paths)
    if sdk is None:
        return 2
    objects = json.loads(RECORDED.read_text(encoding="utf-8"))
    found = sorted({problem for value in objects for problem in sdk.problems(value)})
    for problem in found:
        print(problem)
    if found:
        print(f"{RECORDED.name}: {len(found)} differences in {len(objects)} objects", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
