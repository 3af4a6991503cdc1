//! What every command of operators prints for a data file, beside a server: tables as people read them, and JSON as
//! `docs/reference/operations.schema.json` describes it.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::PathBuf, process::Command};

use serde_json::Value;
use tierlift_testkit::harness::{
    operators::{OF_THE_DATA_FILE, STEPS, Step, check_all, printed, timeless, without_a_step},
    tools,
};

use super::{
    PLANS,
    operations::{Deployment, deliver},
    serving::Serving,
};

/// Commands, with a server beside them.
struct Beside {
    deployment: Deployment,
    serving: Option<Serving>,
}

impl Beside {
    fn new() -> Self {
        let deployment = Deployment::new();
        let serving = Some(deployment.serve());
        Self { deployment, serving }
    }

    fn end(&mut self) {
        self.serving.take().unwrap().end();
    }

    /// Two webhooks that were given up, as the server itself would have left them.
    fn give_up_webhooks(&self) {
        let script = "
import sqlite3
db = sqlite3.connect('tierlift.db')
for position in (1, 2):
    db.execute('''INSERT INTO dead_webhooks
        (position, id, user, taken_at, change, failed_at, attempts, error)
        SELECT ?1, 'msg_' || ?1, 'bob', 1795000000000000, change, 1795000000000000, 12, '503 Service Unavailable'
        FROM changes LIMIT 1''', (position,))
db.commit()
";
        let mut python = Command::new(tools::python());
        python.args(["-c", script]).current_dir(&self.deployment.folder);
        assert!(python.status().unwrap().success());
    }
}

impl tierlift_testkit::harness::operators::Deployment for Beside {
    async fn deliver(&self, event: &Value) {
        assert_eq!(deliver(self.serving.as_ref().unwrap(), &event.to_string()), 200);
    }

    async fn fix(&mut self) {
        self.end();
        self.deployment.configure(PLANS);
        self.serving = Some(self.deployment.serve());
    }

    fn folder(&self) -> PathBuf {
        self.deployment.folder.path().to_owned()
    }

    fn run(&self, line: &str, status: i32) -> String {
        self.deployment.run(line, status)
    }
}

#[test]
fn every_command_has_a_step() {
    assert_eq!(without_a_step(&[STEPS, OF_THE_DATA_FILE]), BTreeSet::new());
}

#[tokio::test]
async fn answers_are_as_their_schema_describes_them() {
    let mut beside = Beside::new();
    check_all(&mut beside, STEPS).await;
    beside.give_up_webhooks();
    check_all(&mut beside, OF_THE_DATA_FILE).await;
    beside.end();
    // Without a server they are the same.
    for (schema, line) in [("status", "status"), ("groups", "dead-letters list")] {
        check_all(&mut beside, &[Step::Run(schema, line)]).await;
    }
}

/// What people read in a terminal.
#[tokio::test]
async fn tables_are_as_they_were() {
    let mut beside = Beside::new();
    let mut shown = printed(&mut beside, STEPS).await;
    beside.give_up_webhooks();
    shown.push_str(&printed(&mut beside, OF_THE_DATA_FILE).await);
    beside.end();
    let restored = beside.deployment.run("restore copy.db", 0);
    let kept = fs::read_dir(&beside.deployment.folder).unwrap().flatten();
    let kept = kept.filter(|entry| entry.file_name().to_string_lossy().contains(".before-"));
    assert_eq!(kept.count(), 1, "{restored}");
    write!(shown, "$ tierlift restore copy.db\n{}", timeless(&restored)).unwrap();
    insta::assert_snapshot!("tables", shown);
}
