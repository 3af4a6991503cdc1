//! `tierlift waiting`: what was paid for or given back and reaches nobody.

use serde_json::Value;

use crate::{
    error::Error,
    operator::{Door, Reach, print, print_rows},
};

const HELP: &str = "\
Without an owner (owner.unknown) are live subscriptions and paid purchases of a plan; without a subject
(payment.unlinked) refunded or disputed payments. The first 200 are listed, what has no owner first, the oldest
first. `tierlift link` gives a customer to a user.";

/// List what was paid for or given back and reaches nobody.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    reach: Reach,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let answer = Door::open(&args.reach)?.get("/waiting")?;
    print(args.reach.json, &answer, lines);
    Ok(())
}

fn lines(waiting: &Value) -> Vec<String> {
    if waiting.as_array().is_some_and(Vec::is_empty) {
        return vec!["nothing waits".to_owned()];
    }
    print_rows(waiting, &[("ID", "id"), ("CAUSE", "cause"), ("SINCE", "since")])
}
