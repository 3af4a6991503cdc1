//! What operators' commands print: JSON as `docs/reference/operations.schema.json` describes it, and tables as people read
//! them.

use std::{fmt::Write as _, fs};

use regex_lite::Regex;
use serde_json::Value;
use tierlift_testkit::{harness::now, json_schema, webhook};

use super::{
    PLANS,
    operations::{Deployment, subscribe},
};

/// Checks a value by one of the schemas.
fn check(name: &str, value: &Value) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/operations.schema.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let errors = json_schema::errors_by(&schema, name, value);
    assert!(errors.is_empty(), "{name}: {errors:?}\n{value:#}");
}

/// The same text on every day: times and ages are replaced.
fn timeless(text: &str) -> String {
    let times = Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z").unwrap();
    let text = times.replace_all(text, "2026-11-22T16:12:48.123Z");
    let numbers = Regex::new(r"\b1[789]\d{8}(\d{6})?\b").unwrap();
    let text = numbers.replace_all(&text, "1795000000");
    let pseudonyms = Regex::new(r"erased-\d+").unwrap();
    pseudonyms.replace_all(&text, "erased-1795000000").into_owned()
}

/// Runs commands by one line each; their answers are valid by the schema of that name.
fn check_all(deployment: &Deployment, lines: &[(&str, &str)]) {
    for (name, line) in lines {
        check(name, &deployment.json(line));
    }
}

#[test]
fn answers_are_as_their_schema_describes_them() {
    let deployment = Deployment::new();
    let serving = deployment.serve();
    check("status", &deployment.json("status"));
    for user in ["ada", "bob", "cara"] {
        subscribe(&serving, &format!("evt_{user}"), user, "a@b.example");
    }
    deployment.eventually("status", |it| it["deadLetters"] == 3);
    check_all(
        &deployment,
        &[
            ("status", "status"),
            ("waiting", "waiting"),
            ("groups", "dead-letters list"),
            ("done", "dead-letters note plan.unmapped --reason look"),
            ("groups", "dead-letters list --group-by error"),
            ("each", "dead-letters list --each"),
            ("shown", "dead-letters show evt_ada"),
            ("predicted", "dead-letters redrive --all --dry-run"),
            ("done", "dead-letters discard evt_cara --reason look"),
            ("discarded", "dead-letters list --discarded"),
            ("event", "event evt_ada"),
        ],
    );
    serving.end();
    deployment.configure(PLANS);
    let serving = deployment.serve();
    let lines = deployment.run("dead-letters export", 0);
    for line in lines.lines() {
        check("line", &serde_json::from_str(line).unwrap());
    }
    fs::write(deployment.folder.path().join("lines.jsonl"), lines).unwrap();
    let event = webhook::subscription("evt_dora", "dora", "active", now()).to_string();
    fs::write(deployment.folder.path().join("events.jsonl"), event).unwrap();
    check_all(
        &deployment,
        &[
            ("shown", "dead-letters show evt_ada"),
            ("predicted", "dead-letters redrive --all --dry-run"),
            ("redriven", "dead-letters redrive --all --reason mapped"),
            ("taken", "dead-letters import lines.jsonl --reason again"),
            ("taken", "replay --file events.jsonl --reason lost"),
            ("explanation", "explain ada"),
            ("explanation", "explain nobody"),
            ("event", "event evt_ada"),
            ("customer", "customer cus_ada"),
            ("done", "link cus_ada --user bob --reason gift"),
            ("explanation", "explain ada"),
            ("done", "unlink cus_ada --reason back"),
            ("done", "grant ada operator --until 7d --reason help"),
            ("explanation", "explain ada"),
            ("done", "revoke ada --reason stolen"),
            ("erased", "erase dora --yes --reason request"),
            ("done", "pause --reason incident"),
            ("status", "status"),
            ("done", "resume --reason over"),
            ("webhooks", "webhooks status"),
            ("deadWebhooks", "webhooks list"),
            ("counted", "webhooks redrive msg_1 --reason again"),
            ("backup", "backup copy.db"),
        ],
    );
    for row in deployment.run("audit export", 0).lines() {
        check("row", &serde_json::from_str(row).unwrap());
    }
    serving.end();
}

/// What people read in a terminal.
#[test]
fn tables_are_as_they_were() {
    let deployment = Deployment::new();
    let serving = deployment.serve();
    // One after the other: they are listed in the order in which they died.
    for (dead, user) in [(1, "ada"), (2, "bob")] {
        subscribe(&serving, &format!("evt_{user}"), user, "a@b.example");
        deployment.eventually("status", |it| it["deadLetters"] == dead);
    }
    let mut printed = String::new();
    let mut run = |lines: &[&str]| {
        for line in lines {
            writeln!(printed, "$ tierlift {line}\n{}", deployment.run(line, 0)).unwrap();
        }
    };
    run(&[
        "dead-letters note plan.unmapped --reason look",
        "dead-letters list",
        "dead-letters list --each",
        "dead-letters show evt_ada",
        "dead-letters redrive --all --dry-run",
        "dead-letters discard evt_bob --reason spam",
        "dead-letters list --discarded",
    ]);
    serving.end();
    deployment.configure(PLANS);
    let serving = deployment.serve();
    run(&[
        "dead-letters redrive evt_ada --reason mapped",
        "explain ada",
        "event evt_ada",
        "customer cus_ada",
        "erase ada --yes --reason request",
    ]);
    serving.end();
    insta::assert_snapshot!("tables", timeless(&printed));
}
