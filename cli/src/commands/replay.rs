//! `tierlift replay`: events from a file, enqueued as if Stripe had just sent them.

use std::path::PathBuf;

use serde_json::json;

use super::lines;
use crate::{
    error::Error,
    operator::{Door, Reach, Sign, print},
};

const HELP: &str = "\
The file has one event in each line, as Stripe's API or CLI writes them. What was applied before changes nothing, so a
file can be replayed as often as you like.

Example:
  stripe events list --limit 100 | jq -c '.data[]' > events.jsonl
  tierlift replay --file events.jsonl --reason \"the endpoint was disabled\"";

/// Enqueue events from a file, as if Stripe had just sent them.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// The file: one event in each line.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    sign: Sign,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let door = Door::open(&args.reach)?;
    let counts = lines::send(&args.file, |events| {
        door.post("/replay", &args.sign.body(json!({ "events": events })))
    })?;
    print(args.reach.json, &counts.json(), |it| {
        let (added, known, ignored) = (&it["added"], &it["known"], &it["ignored"]);
        vec![format!("{added} enqueued, {known} known already, {ignored} bear on no access")]
    });
    Ok(())
}
