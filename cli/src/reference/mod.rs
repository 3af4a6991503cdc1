//! The generated files of `docs/reference/`, compared with the code that they describe.
//!
//! A test fails when a file is out of date. `UPDATE_REFERENCE=1 cargo test -p tierlift-cli reference`
//! writes them.

mod command_line;
mod documents;
mod frames;
mod openapi;
mod schema;

use std::{fs, path::PathBuf};

/// Compares a file with its generated text, or writes it.
fn check(name: &str, text: &str) {
    let path = repository().join("docs/reference").join(name);
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        fs::write(&path, text).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "{} is out of date; run `UPDATE_REFERENCE=1 cargo test -p tierlift-cli reference`",
        path.display()
    );
}

/// JSON as it is stored: indented, with a newline at its end.
fn json(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}
