//! `tierlift dead-letters discard`, `undiscard` and `note`.

#![expect(clippy::indexing_slicing, reason = "a key that a JSON value lacks is null")]

use serde_json::json;
use tierlift_core::{codes::Code, limits::REDRIVE_CONFIRMED_ABOVE};

use super::FilterArgs;
use crate::{
    commands::changed,
    error::{Error, Problem},
    operator::{Door, Reach, Sign, confirms, print, with_query},
};

/// Discard dead letters. They can be brought back for 30 days.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The ids of the events.
    #[arg(value_name = "EVENT")]
    events: Vec<String>,
    #[command(flatten)]
    filter: FilterArgs,
    /// Do not ask before discarding more than ten.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    sign: Sign,
    #[command(flatten)]
    reach: Reach,
}

/// Bring discarded dead letters back.
#[derive(Debug, clap::Args)]
pub(super) struct UndiscardArgs {
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

pub(super) fn run(args: &Args) -> Result<(), Error> {
    if args.events.is_empty() == args.filter.is_empty() {
        let message = "name either events or a filter";
        return Err(Problem::new(Code::UsageInvalid, message).into());
    }
    let door = Door::open(&args.reach)?;
    if args.filter.is_empty() {
        return each(&door, "/dead-letters/discard", &args.events, &args.sign, &args.reach);
    }
    let query = args.filter.query()?;
    let count =
        door.get(&with_query("/dead-letters/groups", &query))?["total"].as_u64().unwrap_or(0);
    if count > REDRIVE_CONFIRMED_ABOVE
        && !args.yes
        && !confirms(&format!("Discard {count} dead letters?"))
    {
        let message = format!("{count} dead letters would be discarded; confirm with --yes");
        return Err(Problem::new(Code::UsageInvalid, message).into());
    }
    let discarded = all(&door, &with_query("/dead-letters", &query), count, &args.sign)?;
    print(args.reach.json, &json!({ "count": discarded }), |it| {
        vec![format!("done: {} dead letters are discarded", it["count"])]
    });
    Ok(())
}

/// Discards what is listed, page by page: as many as were counted, so that those that come meanwhile stay.
fn all(door: &Door, list: &str, count: u64, sign: &Sign) -> Result<u64, Error> {
    let mut discarded = 0;
    loop {
        let page = door.get(list)?;
        let events = page.as_array().into_iter().flatten().map(|one| &one["event"]);
        let before = discarded;
        for event in events {
            if discarded == count {
                return Ok(discarded);
            }
            door.post("/dead-letters/discard", &sign.body(json!({ "event": event })))?;
            discarded += 1;
        }
        if discarded == before {
            return Ok(discarded);
        }
    }
}

pub(super) fn undiscard(args: &UndiscardArgs) -> Result<(), Error> {
    let door = Door::open(&args.reach)?;
    each(&door, "/dead-letters/undiscard", &args.events, &args.sign, &args.reach)
}

fn each(
    door: &Door,
    path: &str,
    events: &[String],
    sign: &Sign,
    reach: &Reach,
) -> Result<(), Error> {
    for event in events {
        changed(reach, &door.post(path, &sign.body(json!({ "event": event })))?);
    }
    Ok(())
}

pub(super) fn note(args: &NoteArgs) -> Result<(), Error> {
    let body = args.sign.body(json!({"group": args.group}));
    changed(&args.reach, &Door::open(&args.reach)?.post("/dead-letters/note", &body)?);
    Ok(())
}
