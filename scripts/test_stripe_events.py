"""Tests of stripe_events.py, on packages that have the shape of Stripe's SDK."""

import contextlib
import io
import pathlib
import tempfile
import unittest
import zipfile

import stripe_events
from stripe_events import ENDPOINT, EVENT, THIN, UNPUBLISHED

KNOWN = [line.split(" ")[0] for line in stripe_events.TABLE.read_text().splitlines()]
THIN_KNOWN = [name for name in KNOWN if name.startswith("v") and name not in UNPUBLISHED]
SNAPSHOTS = [name for name in KNOWN if name not in THIN_KNOWN and name not in UNPUBLISHED]


def sdk(snapshots, thin):
    names = ", ".join(f'"{name}"' for name in snapshots)
    return {
        ENDPOINT: f'class Params:\n    url: str\n    enabled_events: List[Literal["*", {names}]]\n',
        EVENT: f'class Event:\n    object: Literal["event"]\n    type: Literal[{names}]\n',
        THIN: f"LOOKUP = {{{', '.join(f'{name!r}: (1, 2)' for name in thin)}}}\n",
    }


class Events(unittest.TestCase):
    def check(self, files, status, *lines):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            wheel = folder / "stripe.whl"
            with zipfile.ZipFile(wheel, "w") as archive:
                for name, text in files.items():
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    (folder / name).write_text(text)
                    archive.writestr(name, text)
            for path in [folder, wheel]:
                out = io.StringIO()
                with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
                    self.assertEqual(stripe_events.main([str(path)]), status, path)
                self.assertEqual(out.getvalue().splitlines(), list(lines))

    def test_the_same_types_are_accepted(self):
        self.check(sdk(SNAPSHOTS, THIN_KNOWN), 0)

    def test_a_preview_may_be_published(self):
        self.check(sdk(SNAPSHOTS, [*THIN_KNOWN, *UNPUBLISHED]), 0)

    def test_new_and_removed_types_are_named(self):
        snapshots = ["customer.renamed", *SNAPSHOTS[1:]]
        thin = [*THIN_KNOWN[1:], "v2.new[kind].created"]
        self.check(
            sdk(snapshots, thin),
            1,
            "missing: customer.renamed",
            "missing: v2.new[kind].created",
            f"extra: {SNAPSHOTS[0]}",
            f"extra: {THIN_KNOWN[0]}",
        )

    def test_an_sdk_of_another_shape_is_refused(self):
        files = sdk(SNAPSHOTS, THIN_KNOWN)
        self.check({**files, THIN: "LOOKUP = {}\n"}, 2)
        self.check({**files, EVENT: "class Event:\n"}, 2)
        self.check({ENDPOINT: files[ENDPOINT]}, 2)


if __name__ == "__main__":
    unittest.main()
