//! Where the programs are that tests start: built beside the tests, or installed by `make tools`.
//!
//! A missing program fails the test that needs it, with the command that makes it. No test is skipped.

use std::path::{Path, PathBuf};

/// The target folder that this test was built into.
#[must_use]
pub fn target() -> PathBuf {
    // TARGET/PROFILE/deps/TEST
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().to_owned()
}

/// A program of this workspace, of the profile of this test.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    present(test.ancestors().nth(2).unwrap().join(name), "cargo build --workspace --bins")
}

/// The Python whose packages `testkit/requirements.txt` lists.
#[must_use]
pub fn python() -> PathBuf {
    present(target().join("tools/venv/bin/python"), "make tools")
}

/// dynoxide, an emulator of DynamoDB.
#[must_use]
pub fn dynoxide() -> PathBuf {
    present(target().join("tools/dynoxide"), "make tools")
}

/// libfaketime, which moves the system's time for a process that is started with it.
#[must_use]
pub fn faketime() -> PathBuf {
    let lib = target().join("tools/venv/lib");
    let versions = std::fs::read_dir(&lib).into_iter().flatten().flatten();
    let inside = "site-packages/libfaketime/vendor/libfaketime/src/libfaketime.so.1";
    let mut found = versions.map(|version| version.path().join(inside));
    present(found.find(|path| path.exists()).unwrap_or_else(|| lib.join(inside)), "make tools")
}

/// The packaged functions with their template: those of `TIERLIFT_PACKAGE`, or the test package.
#[must_use]
pub fn package() -> PathBuf {
    let given = std::env::var_os("TIERLIFT_PACKAGE").map(PathBuf::from);
    let folder = given.unwrap_or_else(|| target().join("test-package"));
    present(folder.join("template.yaml"), "make test-package");
    folder
}

/// A script in this repository.
#[must_use]
pub fn script(path: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    present(root.join(path), "git checkout")
}

fn present(path: PathBuf, command: &str) -> PathBuf {
    assert!(path.exists(), "{} is missing: run `{command}`", path.display());
    path
}
