"""Tests of structure.py, on trees that it should accept and refuse."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = pathlib.Path(__file__).parent / "structure.py"


class Structure(unittest.TestCase):
    def check(self, files, *faults):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = pathlib.Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            subprocess.run(["git", "init", "--quiet", folder], check=True)
            run = subprocess.run([sys.executable, "-B", PROGRAM, folder], capture_output=True, text=True)
        self.assertEqual(run.stderr, "")
        self.assertEqual(run.stdout.splitlines(), list(faults))
        self.assertEqual(run.returncode, 1 if faults else 0)

    def test_files_that_import_each_other_are_refused(self):
        root = "mod a;\nmod b;\n"
        one, other = "use crate::b::Other;\n", "use super::a::{One as Uno, Two};\n"
        self.check({"src/lib.rs": root, "src/a.rs": one, "src/b.rs": "// use crate::a::One;\n"})
        circle = "files that import each other: src/a.rs, src/b.rs"
        self.check({"src/lib.rs": root, "src/a.rs": one, "src/b.rs": other}, circle)
        inline = "fn f() -> crate::a::One { todo() }\n"
        self.check({"src/lib.rs": root, "src/a.rs": one, "src/b.rs": inline}, circle)

    def test_a_name_counts_where_it_is_defined(self):
        files = {
            "src/lib.rs": "mod room;\nmod user;\n",
            "src/room/mod.rs": "mod a;\nmod b;\npub use a::One;\n",
            "src/room/a.rs": "use crate::user::User;\n",
            "src/room/b.rs": "",
            "src/user.rs": "use crate::room::Other;\n",
        }
        self.check(files)
        files["src/user.rs"] = "use crate::room::One;\n"
        self.check(files, "files that import each other: src/room/a.rs, src/user.rs")

    def test_a_file_is_short_unless_it_is_generated(self):
        lines = "x\n" * 401
        short = {f"{number}.ts": "" for number in range(9)}
        self.check(short | {"a.ts": lines}, "a.ts: 401 lines; 400 are allowed")
        self.check(short | {"b.ts": f"// auto-generated\n{lines}"})

    def test_tests_may_use_what_they_test(self):
        tests = "use super::*;\n#[cfg(test)]\nmod tests {\n    use crate::b::Other;\n}\n"
        files = {"src/lib.rs": "mod a;\nmod b;\n", "src/a.rs": tests, "src/b.rs": "use crate::a::One;\n"}
        self.check(files)

    def test_packages_that_depend_on_each_other_are_refused(self):
        def manifest(name, need):
            return f'[package]\nname = "tierlift-{name}"\n[dev-dependencies]\ntierlift-{need} = "1"\n'

        files = {"a/Cargo.toml": manifest("a", "b"), "b/Cargo.toml": manifest("b", "c")}
        self.check(files)
        files["b/Cargo.toml"] = manifest("b", "a")
        self.check(files, "packages that depend on each other: tierlift-a, tierlift-b")

    def test_long_files_are_refused(self):
        short = {f"{n}.py": "" for n in range(9)}
        self.check({**short, "a.py": "\n" * 400, "data.json": "\n" * 1_000})
        self.check({**short, "a.py": "\n" * 401}, "a.py: 401 lines; 400 are allowed")
        usual = "8 of 10 files have 250 lines or fewer; nine of ten should"
        self.check({f"{n}.py": "\n" * (300 if n < 2 else 1) for n in range(10)}, usual)


if __name__ == "__main__":
    unittest.main()
