//! The `tierlift` program as people use it, run as a child process: its errors and their codes, its
//! server, its demo.
#![allow(clippy::restriction, clippy::missing_panics_doc, reason = "tests stop where they fail")]

mod serving;

mod answers;
mod data;
mod demo;
mod disk;
mod doctor;
mod import;
mod incident;
mod large;
mod manual;
mod operations;
mod runbook;
mod serve;
mod setup;
mod transfer;

use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const PLANS: &str = "[plans]\nprice_pro = \"paid\"\n";
const SECRETS: &[(&str, &str)] = &[
    ("STRIPE_WEBHOOK_SECRET", "whsec_7Zq2mVxT4bLr9KsWdN3c"),
    ("TIERLIFT_JWT_SECRET", "a secret of at least thirty-two bytes"),
];

/// The program beside this test, in a folder of its own and with no settings but those given.
fn tierlift(folder: &TempDir, env: &[(&str, &str)], args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tierlift"));
    command.current_dir(folder).args(args).env_clear().envs(env.iter().copied());
    command.env("XDG_STATE_HOME", folder.path()).stdin(Stdio::null());
    command
}

fn printed(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// Runs the program to its end; checks its exit status, and that its output has all of these texts.
fn check(env: &[(&str, &str)], config: Option<&str>, args: &[&str], status: i32, texts: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    if let Some(config) = config {
        std::fs::write(folder.path().join("tierlift.toml"), config).unwrap();
    }
    let output = tierlift(&folder, env, args).output().unwrap();
    let printed = printed(&output);
    assert_eq!(output.status.code(), Some(status), "{args:?}: {printed}");
    for text in texts {
        assert!(printed.contains(text), "{args:?} does not print {text:?} but:\n{printed}");
    }
}
