//! What every command of operators prints for a deployment on AWS: the same scenario, snapshots and schemas as for a data
//! file.

use std::{collections::BTreeSet, fmt::Write as _, path::PathBuf};

use serde_json::Value;
use tierlift_testkit::harness::operators::{
    self, OF_THE_DATA_FILE, STEPS, Step, check_all, printed, without_a_step,
};

use super::{
    deploy::{Stack, template},
    person::{ACTS, Person},
};

/// A person who may look and act, at a stack.
struct Desk<'a>(Person<'a>);

impl operators::Deployment for Desk<'_> {
    async fn deliver(&self, event: &Value) {
        self.0.stack.accepts(event).await;
    }

    async fn fix(&mut self) {
        self.0.stack.update(&["Plans=price_pro=paid"]);
    }

    fn folder(&self) -> PathBuf {
        self.0.folder.path().to_owned()
    }

    fn run(&self, line: &str, status: i32) -> String {
        self.0.run(line, status)
    }
}

#[test]
fn every_command_has_a_step() {
    assert_eq!(without_a_step(&[STEPS, OF_THE_DATA_FILE]), BTreeSet::new());
}

#[tokio::test]
async fn answers_on_aws_are_as_their_schema_describes_them() {
    let stack = Stack::start_from(&template(), &["Plans=price_other=paid"]).await;
    let mut eve = Desk(Person::with(&stack, "eve", &ACTS).await);
    check_all(&mut eve, STEPS).await;
}

/// What people read in a terminal, with what is refused here.
#[tokio::test]
async fn tables_on_aws_are_as_they_were() {
    let stack = Stack::start_from(&template(), &["Plans=price_other=paid"]).await;
    let mut eve = Desk(Person::with(&stack, "eve", &ACTS).await);
    let mut shown = printed(&mut eve, STEPS).await;
    for step in OF_THE_DATA_FILE {
        let Step::Run(_, line) = step else { panic!("{step:?}") };
        writeln!(shown, "$ tierlift {line}\n{}", eve.0.run(line, 2)).unwrap();
    }
    insta::assert_snapshot!("tables", shown);
}
