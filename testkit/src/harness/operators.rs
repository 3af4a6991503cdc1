//! One scenario for any backend, in which every command of operators is run: for people, as a snapshot of what a
//! terminal shows, and for programs, as JSON that `docs/reference/operations.schema.json` describes.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::PathBuf};

use regex_lite::Regex;
use serde_json::Value;

use super::now;
use crate::{json_schema, webhook};

/// A step of the scenario. Steps follow each other once what they wait for has happened.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// A user pays, and waits until a field of `status` has a number.
    Pays(&'static str, &'static str, u64),
    /// The same with an event that names nobody.
    Guest(&'static str, &'static str, u64),
    /// The plan map is corrected.
    Fixed,
    /// What the latest command printed becomes a file.
    Keep(&'static str),
    /// The event of a user who pays becomes a file.
    Event(&'static str, &'static str),
    /// A command, by the schema of its answer and its line.
    Run(&'static str, &'static str),
}

/// What is the same on both backends.
pub const STEPS: &[Step] = &[
    Step::Pays("ada", "deadLetters", 1),
    Step::Pays("bob", "deadLetters", 2),
    Step::Pays("cara", "deadLetters", 3),
    Step::Run("status", "status"),
    Step::Run("groups", "dead-letters list"),
    Step::Run("done", "dead-letters note plan.unmapped --reason look"),
    Step::Run("groups", "dead-letters list --group-by error"),
    Step::Run("groups", "dead-letters list"),
    Step::Run("each", "dead-letters list --each"),
    Step::Run("shown", "dead-letters show evt_ada"),
    Step::Run("predicted", "dead-letters redrive --all --dry-run"),
    Step::Run("line", "dead-letters export"),
    Step::Keep("lines.jsonl"),
    Step::Run("done", "dead-letters discard evt_bob --reason spam"),
    Step::Run("discarded", "dead-letters list --discarded"),
    Step::Run("done", "dead-letters undiscard evt_bob --reason oops"),
    Step::Run("counted", "dead-letters discard --customer cus_cara --reason test"),
    Step::Fixed,
    Step::Run("shown", "dead-letters show evt_ada"),
    Step::Run("predicted", "dead-letters redrive --all --dry-run"),
    Step::Run("redriven", "dead-letters redrive evt_ada --reason mapped"),
    Step::Run("taken", "dead-letters import lines.jsonl --reason again"),
    Step::Event("events.jsonl", "dora"),
    Step::Run("taken", "replay --file events.jsonl --reason lost"),
    Step::Run("waiting", "waiting"),
    Step::Guest("gast", "waiting", 1),
    Step::Run("waiting", "waiting"),
    Step::Run("done", "link cus_gast --user ida --reason invoice"),
    Step::Run("waiting", "waiting"),
    Step::Run("done", "unlink cus_gast --reason back"),
    Step::Run("explanation", "explain ada"),
    Step::Run("explanation", "explain nobody"),
    Step::Run("event", "event evt_ada"),
    Step::Run("event", "event evt_bob"),
    Step::Run("customer", "customer cus_ada"),
    Step::Run("done", "grant eve paid --until 7d --reason help"),
    Step::Run("explanation", "explain eve"),
    Step::Run("done", "revoke ada --reason stolen"),
    Step::Run("erased", "erase ada --yes --reason request"),
    Step::Run("done", "pause --reason incident"),
    Step::Run("status", "status"),
    Step::Run("done", "resume --reason over"),
    Step::Run("row", "audit export --acts"),
];

/// What is about the data file alone, and is refused on AWS.
pub const OF_THE_DATA_FILE: &[Step] = &[
    Step::Run("webhooks", "webhooks status"),
    Step::Run("deadWebhooks", "webhooks list"),
    Step::Run("counted", "webhooks redrive msg_1 --reason again"),
    Step::Run("counted", "webhooks discard msg_2 --reason gone"),
    Step::Run("backup", "backup copy.db"),
];

/// A deployment to which the steps happen.
pub trait Deployment {
    /// Delivers an event as Stripe would.
    fn deliver(&self, event: &Value) -> impl Future<Output = ()>;

    /// Corrects the plan map.
    fn fix(&mut self) -> impl Future<Output = ()>;

    /// The folder in which commands are run.
    fn folder(&self) -> PathBuf;

    /// Runs a command, which must end so; returns what it printed.
    fn run(&self, line: &str, status: i32) -> String;
}

/// Runs the steps for people; returns what a terminal shows.
pub async fn printed(deployment: &mut impl Deployment, steps: &[Step]) -> String {
    let mut shown = String::new();
    happen(deployment, steps, |deployment, _, line| {
        let printed = deployment.run(line, 0);
        writeln!(shown, "$ tierlift {line}\n{}", timeless(&printed)).unwrap();
        printed
    })
    .await;
    shown
}

/// Runs the steps for programs; each answer must be as its schema describes it.
pub async fn check_all(deployment: &mut impl Deployment, steps: &[Step]) {
    happen(deployment, steps, |deployment, schema, line| {
        let printed = deployment.run(&format!("{line} --json"), 0);
        if matches!(schema, "line" | "row") {
            assert!(!printed.is_empty(), "{line}");
            printed.lines().for_each(|line| check(schema, line));
        } else {
            check(schema, &printed);
        }
        printed
    })
    .await;
}

async fn happen<D: Deployment>(
    deployment: &mut D,
    steps: &[Step],
    mut run: impl FnMut(&D, &str, &str) -> String,
) {
    let mut latest = String::new();
    for step in steps {
        match *step {
            Step::Pays(user, field, count) => {
                deployment.deliver(&paid(user)).await;
                until(deployment, field, count);
            }
            Step::Guest(user, field, count) => {
                let mut event = paid(user);
                event["data"]["object"]["metadata"] = Value::Null;
                deployment.deliver(&event).await;
                until(deployment, field, count);
            }
            Step::Fixed => deployment.fix().await,
            Step::Keep(file) => fs::write(deployment.folder().join(file), &latest).unwrap(),
            Step::Event(file, user) => {
                fs::write(deployment.folder().join(file), paid(user).to_string()).unwrap();
            }
            Step::Run(schema, line) => latest = run(deployment, schema, line),
        }
    }
}

fn paid(user: &str) -> Value {
    webhook::subscription(&format!("evt_{user}"), user, "active", now())
}

/// Repeats `status` until a field of it has a number, and nothing is queued.
fn until(deployment: &impl Deployment, field: &str, count: u64) {
    for _ in 0..400 {
        let status: Value = serde_json::from_str(&deployment.run("status --json", 0)).unwrap();
        if status[field] == count && status["queued"] == 0 {
            return;
        }
    }
    panic!("{field} is never {count}: {}", deployment.run("status", 0));
}

/// Checks an answer by one of the schemas.
pub fn check(name: &str, answer: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/operations.schema.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let answer: Value = serde_json::from_str(answer).unwrap_or_else(|_| panic!("{name}: {answer}"));
    let errors = json_schema::errors_by(&schema, name, &answer);
    assert!(errors.is_empty(), "{name}: {errors:?}\n{answer:#}");
}

/// The same text on every day and at every speed: times, ages and rates are replaced.
#[must_use]
pub fn timeless(text: &str) -> String {
    let replaced = [
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "2026-11-22T16:12:48.123Z"),
        (r"\b1[789]\d{8}(\d{6})?\b", "1795000000"),
        (r"erased-\d+", "erased-1795000000"),
        (r"(?m)^(oldest, in seconds|(applied|webhooks) in a minute)( +)\d.*$", "$1${3}1"),
        // It is not known before the next sample.
        (r"(?m)^(lag, in seconds)( +)\d.*$", "$1${2}-"),
        (r"\b\d+ bytes", "4096 bytes"),
        (r"\S*/copy\.db", "/srv/copy.db"),
    ];
    replaced.iter().fold(text.to_owned(), |text, (pattern, with)| {
        Regex::new(pattern).unwrap().replace_all(&text, *with).into_owned()
    })
}

/// Every command that looks at a deployment or changes one, by `docs/reference/cli.md`, which is made of the definitions of the
/// arguments. The console is no command of one answer.
#[must_use]
pub fn commands() -> BTreeSet<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/cli.md");
    let reference = fs::read_to_string(path).unwrap();
    let sections = reference.split("\n## `tierlift ").skip(1);
    let reaching = sections.filter(|section| section.contains("| `--aws` |"));
    let names = reaching.map(|section| section.split('`').next().unwrap().to_owned());
    names.filter(|name| name != "console").collect()
}

/// Which of them no step runs.
#[must_use]
pub fn without_a_step(steps: &[&[Step]]) -> BTreeSet<String> {
    let mut commands = commands();
    assert!(commands.len() > 20, "{commands:?}");
    for step in steps.iter().copied().flatten() {
        if let Step::Run(_, line) = step {
            commands.retain(|name| *line != *name && !line.starts_with(&format!("{name} ")));
        }
    }
    commands
}
