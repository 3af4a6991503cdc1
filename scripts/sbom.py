#!/usr/bin/env python3
"""Prints the software bill of materials of a package as CycloneDX: `sbom.py PACKAGE TARGET [FEATURES]`.

Components are the crates that cargo compiles into the package's programs for that target, each with its licence and the
checksum of Cargo.lock, by which cargo verified what it downloaded. Nothing depends on the time or the machine: the same
sources have the same bill.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
# 3serde v1.0.2 (proc-macro)<TAB>MIT OR Apache-2.0, where cargo has not shown what it depends on yet.
LINE = re.compile(r"(?P<depth>\d+)(?P<name>\S+) v(?P<version>\S+)[^\t]*\t(?P<licence>[^\t]*?)(?: \(\*\))?")


def tree(package, target, features):
    command = ["cargo", "tree", "--locked", "--package", package, "--edges", "normal", "--target", target]
    command += ["--prefix", "depth", "--format", "{p}\t{l}", *(["--features", features] if features else [])]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def checksums(lock):
    return {(it["name"], it["version"]): it.get("checksum") for it in tomllib.loads(lock)["package"]}


def purl(name, version):
    return f"pkg:cargo/{name}@{version}"


def component(name, version, licence, checksum):
    # Cargo's older form of OR.
    found = {"type": "library", "bom-ref": purl(name, version), "name": name, "version": version}
    found |= {"purl": purl(name, version), "licenses": [{"expression": licence.replace("/", " OR ")}]}
    return found | ({"hashes": [{"alg": "SHA-256", "content": checksum}]} if checksum else {})


def bill(tree_text, lock_text):
    known, components, needs, path = checksums(lock_text), {}, {}, []
    for line in filter(None, tree_text.splitlines()):
        found = LINE.fullmatch(line)
        if not found:
            raise ValueError(f"not a line of cargo tree: {line}")
        depth, key = int(found["depth"]), (found["name"], found["version"])
        path[depth:] = [key]
        components.setdefault(key, component(*key, found["licence"], known[key]))
        needs.setdefault(key, set())
        if depth:
            needs[path[depth - 1]].add(key)
    root, *others = components
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": components[root] | {"type": "application"}},
        "components": [components[key] for key in sorted(others)],
        "dependencies": [
            {"ref": purl(*key), "dependsOn": sorted(purl(*it) for it in needs[key])} for key in sorted(needs)
        ],
    }


def main(package, target, features=""):
    lock = (ROOT / "Cargo.lock").read_text()
    print(json.dumps(bill(tree(package, target, features), lock), indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
