"""Tests of stripe_sdk.py, on packages that are a folder and a wheel."""

import contextlib
import io
import pathlib
import tempfile
import unittest
import zipfile

from stripe_sdk import read_by

FILES = {"stripe/_event.py": "class Event: ...\n", "stripe/events/_classes.py": "A = 1\n"}


class Packages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.wheel = self.folder / "stripe.whl"
        with zipfile.ZipFile(self.wheel, "w") as archive:
            for name, text in {**FILES, "other/_event.py": ""}.items():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / name).write_text(text)
                archive.writestr(name, text)

    def test_a_folder_and_a_wheel_have_the_same_modules(self):
        for path in (self.folder, self.wheel):
            found = read_by(lambda package: {name: package.read(name) for name in package.names()}, [str(path)])
            self.assertEqual(found, FILES, path)

    def test_what_cannot_be_read_is_said(self):
        for path in (self.folder / "none", self.folder / "stripe/_event.py", self.folder, self.wheel):
            err = io.StringIO()
            with contextlib.redirect_stderr(err):
                self.assertIsNone(read_by(lambda package: package.read("stripe/_none.py"), [str(path)]))
            self.assertIn("the SDK cannot be read: ", err.getvalue())


if __name__ == "__main__":
    unittest.main()
