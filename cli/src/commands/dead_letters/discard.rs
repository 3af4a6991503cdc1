//! `tierlift dead-letters discard`, `undiscard` and `note`.

use serde_json::json;

use crate::{
    commands::changed,
    error::Error,
    operator::{Door, Reach, Sign},
};

/// Discard a dead letter. It can be brought back for 30 days.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The ids of the events.
    #[arg(required = true, value_name = "EVENT")]
    events: Vec<String>,
    #[command(flatten)]
    sign: Sign,
    #[command(flatten)]
    reach: Reach,
}

/// Leave a note on a group of dead letters, for the next one who looks; the reason is the note.
#[derive(Debug, clap::Args)]
pub(super) struct NoteArgs {
    /// What the group has in common: a cause, an error or a type.
    group: String,
    #[command(flatten)]
    sign: Sign,
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn run(args: &Args, path: &str) -> Result<(), Error> {
    let door = Door::open(&args.reach)?;
    for event in &args.events {
        changed(&args.reach, &door.post(path, &args.sign.body(json!({"event": event})))?);
    }
    Ok(())
}

pub(super) fn note(args: &NoteArgs) -> Result<(), Error> {
    let body = args.sign.body(json!({"group": args.group}));
    changed(&args.reach, &Door::open(&args.reach)?.post("/dead-letters/note", &body)?);
    Ok(())
}
