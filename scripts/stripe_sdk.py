"""Stripe's SDK, the Python package `stripe`, as text: the scripts parse it and never import it.

It is the installed package, a wheel, or a folder that contains the package.
"""

import importlib.util
import sys
import zipfile
from pathlib import Path

UNREADABLE = (OSError, KeyError, ValueError, SyntaxError, zipfile.BadZipFile)


class Package:
    """The modules of the package."""

    def __init__(self, path):
        self.folder = path if path.is_dir() else None
        self.wheel = None if self.folder else zipfile.ZipFile(path)

    def names(self):
        """The paths of all modules."""
        if self.folder:
            found = (it.relative_to(self.folder).as_posix() for it in (self.folder / "stripe").rglob("*.py"))
        else:
            found = (it for it in self.wheel.namelist() if it.startswith("stripe/") and it.endswith(".py"))
        return sorted(found)

    def read(self, name):
        """The text of a module."""
        if self.folder:
            return (self.folder / name).read_text(encoding="utf-8")
        return self.wheel.read(name).decode("utf-8")


def installed():
    """The folder that the installed package is in."""
    found = importlib.util.find_spec("stripe")
    if found is None:
        raise FileNotFoundError("stripe is not installed: name its wheel or its folder")
    return Path(found.origin).parent.parent


def read_by(reader, paths):
    """What a reader makes of the package that the arguments name; None, and why, if it cannot be read."""
    try:
        return reader(Package(Path(paths[0]) if paths else installed()))
    except UNREADABLE as error:
        print(f"the SDK cannot be read: {error}", file=sys.stderr)
        return None
