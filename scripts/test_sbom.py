"""The software bill of materials: of one that is written out here, and of the functions."""

import tomllib
import unittest

import sbom

TREE = """\
0app v0.1.0 (/src/app)\tMIT OR Apache-2.0
1one v1.0.0\tMIT/Apache-2.0
2two v2.0.0 (proc-macro)\tISC
1two v2.0.0 (proc-macro)\tISC (*)
"""
LOCK = """
[[package]]
name = "app"
version = "0.1.0"
[[package]]
name = "one"
version = "1.0.0"
checksum = "aa"
[[package]]
name = "two"
version = "2.0.0"
checksum = "bb"
"""


class Sbom(unittest.TestCase):
    def test_each_crate_is_there_once_with_its_licence_checksum_and_needs(self):
        found = sbom.bill(TREE, LOCK)
        self.assertEqual(found["metadata"]["component"]["name"], "app")
        rows = [(it["purl"], it["licenses"], it["hashes"][0]["content"]) for it in found["components"]]
        expected = [
            ("pkg:cargo/one@1.0.0", [{"expression": "MIT OR Apache-2.0"}], "aa"),
            ("pkg:cargo/two@2.0.0", [{"expression": "ISC"}], "bb"),
        ]
        self.assertEqual(rows, expected)
        needs = {it["ref"]: it["dependsOn"] for it in found["dependencies"]}
        self.assertEqual(needs["pkg:cargo/app@0.1.0"], ["pkg:cargo/one@1.0.0", "pkg:cargo/two@2.0.0"])
        self.assertEqual(needs["pkg:cargo/one@1.0.0"], ["pkg:cargo/two@2.0.0"])

    def test_a_line_that_cannot_be_read_is_an_error(self):
        with self.assertRaises(ValueError):
            sbom.bill("[build-dependencies]\n", LOCK)

    def test_the_functions_are_made_of_what_cargo_has_locked(self):
        lock = (sbom.ROOT / "Cargo.lock").read_text()
        found = sbom.bill(sbom.tree("tierlift-functions", "aarch64-unknown-linux-gnu", ""), lock)
        locked = {(it["name"], it["version"]): it.get("checksum") for it in tomllib.loads(lock)["package"]}
        for it in found["components"]:
            self.assertEqual(it.get("hashes", [{"content": None}])[0]["content"], locked[it["name"], it["version"]])
            self.assertEqual("hashes" not in it, it["name"].startswith("tierlift-"), it["name"])
        names = {it["name"] for it in found["components"]}
        self.assertLessEqual({"lambda_runtime", "aws-sdk-sqs", "tierlift-aws", "rustls"}, names)
        # What tests and other programs link is no part of the functions.
        self.assertFalse({"tierlift-testkit", "rusqlite", "proptest", "clap", "opentelemetry"} & names)


if __name__ == "__main__":
    unittest.main()
