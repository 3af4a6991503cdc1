#!/usr/bin/env python3
"""Checks the shape of the code: `python3 scripts/structure.py [ROOT]`.

No file of code is longer than 400 lines and nine of ten have 250 or fewer; no file of a Rust crate imports
one that imports it, and no package depends on one that depends on it. Data, generated and lock files do not
count. It changes no file.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

LINES_MAX = 400
LINES_USUAL_MAX = 250
USUAL_SHARE_MIN = 0.9
# How generators mark what they write.
GENERATED = b"auto-generated"
CODE = {".rs", ".ts", ".tsx", ".js", ".py", ".go", ".php", ".ru", ".css", ".sh"}

COMMENTS_AND_STRINGS = re.compile(
    r"//[^\n]*|/\*.*?\*/|\bb?r(#*)\".*?\"\1|\"(?:\\.|[^\"\\])*\"|'\\?[^'\n]'", re.DOTALL
)
INLINE_TESTS = re.compile(r"#\[cfg\(test\)\]\s*mod \w+ \{.*", re.DOTALL)
USE = re.compile(r"\b(?:pub(?:\([a-z :]+\))? )?use ([^;]+);")
PATH = re.compile(r"\b(?:crate|super|self)(?:::\w+)+")


def tracked(root):
    """The files of the repository, those that are not committed yet included."""
    command = ["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [path for path in (root / name for name in names) if path.is_file()]


def check_lengths(root, files):
    lengths = {
        path: content.count(b"\n")
        for path in files
        if path.suffix in CODE and GENERATED not in (content := path.read_bytes())[:200]
    }
    for path, lines in sorted(lengths.items()):
        if lines > LINES_MAX:
            yield f"{path.relative_to(root)}: {lines} lines; {LINES_MAX} are allowed"
    usual = sum(lines <= LINES_USUAL_MAX for lines in lengths.values())
    if usual < USUAL_SHARE_MIN * len(lengths):
        yield f"{usual} of {len(lengths)} files have {LINES_USUAL_MAX} lines or fewer; nine of ten should"


def expand(tree):
    """The paths of a `use` tree: `a::{b, c::d}` is `a::b` and `a::c::d`."""
    tree = re.sub(r"\s+as\s+\w+", "", tree)
    tree = "".join(tree.split())
    open_brace = tree.find("{")
    if open_brace < 0:
        return [tree]
    prefix, inner = tree[:open_brace], tree[open_brace + 1 : tree.rindex("}")]
    parts, depth, part = [], 0, ""
    for char in inner + ",":
        if char == "," and depth == 0:
            parts += [part] if part else []
            part = ""
            continue
        depth += {"{": 1, "}": -1}.get(char, 0)
        part += char
    return [prefix + path for part in parts for path in expand(part)]


class Crate:
    """The module tree of one target: its files by module path, and what each imports."""

    def __init__(self, entry):
        self.files = {}
        self.add((), entry)
        self.code = {module: code_of(path) for module, path in self.files.items()}
        self.reexports = {module: self.reexports_of(module) for module in self.files}

    def add(self, module, path):
        self.files[module] = path
        folder = path.parent if path.name in ("lib.rs", "main.rs", "mod.rs") else path.with_suffix("")
        text = COMMENTS_AND_STRINGS.sub(" ", path.read_text())
        for name in re.findall(r"\bmod (\w+);", text):
            for child in (folder / f"{name}.rs", folder / name / "mod.rs"):
                if child.exists() and not child.stem.endswith("tests"):
                    self.add((*module, name), child)

    def reexports_of(self, module):
        """What a module's own `pub use` names, as full paths by their last name."""
        found = {}
        for visible in re.findall(r"\bpub(?:\([a-z :]+\))? use ([^;]+);", self.code[module]):
            for path in expand(visible):
                found[path.split("::")[-1]] = self.absolute(module, path)
        return found

    def absolute(self, module, path):
        parts = path.split("::")
        at = module
        if parts[0] == "crate":
            at, parts = (), parts[1:]
        elif parts[0] == "self":
            parts = parts[1:]
        elif parts[0] != "super" and (*module, parts[0]) not in self.files:
            return None
        while parts and parts[0] == "super":
            at, parts = at[:-1], parts[1:]
        return (*at, *parts)

    def file_of(self, path):
        """The module whose file defines what a path names, through re-exports."""
        for _ in range(8):
            known = next(path[:end] for end in range(len(path), -1, -1) if path[:end] in self.files)
            rest = path[len(known) :]
            target = self.reexports[known].get(rest[0]) if rest else None
            if target is None or target == path:
                return known
            path = (*target, *rest[1:])
        return known

    def imports(self, module):
        code = self.code[module]
        paths = [path for tree in USE.findall(code) for path in expand(tree)]
        paths += PATH.findall(USE.sub(" ", code))
        paths = filter(None, (self.absolute(module, path) for path in paths))
        return {self.file_of(path) for path in paths} - {module}

    def graph(self):
        # That a module's root names its children is how a tree is written, and no import.
        return {
            module: {other for other in self.imports(module) if other[: len(module)] != module}
            for module in self.files
        }


def code_of(path):
    text = COMMENTS_AND_STRINGS.sub(" ", path.read_text())
    return INLINE_TESTS.sub(" ", text)


def circles(graph):
    """The groups of nodes that reach each other, by Tarjan's algorithm."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def check_imports(root, files):
    for entry in files:
        if entry.name in ("lib.rs", "main.rs") and entry.suffix == ".rs":
            crate = Crate(entry)
            for group in circles(crate.graph()):
                names = ", ".join(str(crate.files[module].relative_to(root)) for module in group)
                yield f"files that import each other: {names}"


def check_packages(root, files):
    graph = {}
    for path in files:
        manifest = tomllib.loads(path.read_text()) if path.name == "Cargo.toml" else {}
        if "package" in manifest:
            needs = {**manifest.get("dependencies", {}), **manifest.get("dev-dependencies", {})}
            graph[manifest["package"]["name"]] = {name for name in needs if name.startswith("tierlift-")}
    for group in circles(graph):
        yield f"packages that depend on each other: {', '.join(group)}"


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    files = tracked(root)
    faults = [fault for check in (check_lengths, check_imports, check_packages) for fault in check(root, files)]
    print(*faults, sep="\n", end="\n" if faults else "")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
