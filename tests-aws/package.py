"""Zips the functions that stand in a folder of programs, as `make package` zips those that are deployed.

Programs are stripped. A zip that is newer than its program stays, so a change of one function zips one.

Usage: python package.py PROGRAMS PACKAGE FUNCTION…
"""

import concurrent.futures
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

TEMPLATE = pathlib.Path(__file__).parents[1] / "infrastructure" / "template.yaml"


def pack(program, archive):
    if archive.exists() and archive.stat().st_mtime_ns > program.stat().st_mtime_ns:
        return
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        stripped, zipped = pathlib.Path(folder, "bootstrap"), pathlib.Path(folder, "zip")
        subprocess.run(["strip", "-o", stripped, program], check=True)
        # Zipping well would take longer than all uploads together.
        with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
            file.write(stripped, stripped.name)
        zipped.rename(archive)


def main():
    programs, package, *functions = sys.argv[1:]
    programs, package = pathlib.Path(programs), pathlib.Path(package)
    package.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        archives = [package / f"{function}.zip" for function in functions]
        list(pool.map(pack, [programs / function for function in functions], archives))
    shutil.copy(TEMPLATE, package / TEMPLATE.name)


if __name__ == "__main__":
    main()
