#!/usr/bin/env python3
"""Compares the table of event types with Stripe's SDK: `python3 scripts/stripe_events.py [PATH]`.

PATH is the wheel of the Python package `stripe`, or a folder that contains the package; by default the
installed one is read. Exits with 1 if types are missing from the table or are only there. It changes no file.
"""

import ast
import sys
from pathlib import Path

from stripe_sdk import read_by

TABLE = Path(__file__).resolve().parent.parent / "core/src/stripe/event_types.txt"
# The types that an endpoint can be registered for, those that an event can have, and thin types.
ENDPOINT = "stripe/params/_webhook_endpoint_create_params.py"
EVENT = "stripe/_event.py"
THIN = "stripe/events/_event_classes.py"
# What Stripe sends although the SDK does not name it: types in public preview, and those of older API versions.
UNPUBLISHED = {"v2.core.health.event_generation_failure.resolved"}


def annotated(source, field):
    """Every string in the annotation of a field."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", None) == field:
            for part in ast.walk(node.annotation):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value


def keys(source):
    """Every key of the dictionaries of a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Dict):
            yield from (key.value for key in node.keys if isinstance(key, ast.Constant))


def published(package):
    """All event types that the SDK names. A source without any has changed its shape."""
    sources = {
        ENDPOINT: set(annotated(package.read(ENDPOINT), "enabled_events")) - {"*"},
        EVENT: {name for name in annotated(package.read(EVENT), "type") if "." in name},
        THIN: {name for name in keys(package.read(THIN)) if name.startswith(("v1.", "v2."))},
    }
    for name, types in sources.items():
        if not types:
            raise ValueError(f"{name}: no event types")
    return set().union(*sources.values())


def main(paths):
    types = read_by(published, paths)
    if types is None:
        return 2
    table = {line.split(" ")[0] for line in TABLE.read_text(encoding="utf-8").splitlines()}
    missing, extra = sorted(types - table), sorted(table - types - UNPUBLISHED)
    for name in missing:
        print(f"missing: {name}")
    for name in extra:
        print(f"extra: {name}")
    if missing or extra:
        print(f"{TABLE.name}: {len(missing)} types missing, {len(extra)} that the SDK lacks", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
