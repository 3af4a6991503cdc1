//! `tierlift event`: the story of one event.

use serde_json::Value;

use super::dead_letters;
use crate::{
    error::Error,
    operator::{Door, Reach, encoded, print, print_rows},
};

/// Show what became of an event.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The event's id, evt_….
    event: String,
    #[command(flatten)]
    reach: Reach,
}

/// The columns of the ledger's rows.
pub(super) const LEDGER_COLUMNS: [(&str, &str); 6] = [
    ("PROCESSED", "processedAt"),
    ("EVENT", "event"),
    ("TYPE", "type"),
    ("OUTCOME", "outcome"),
    ("ACTOR", "actor"),
    ("REASON", "reason"),
];

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let answer = Door::open(&args.reach)?.get(&format!("/events/{}", encoded(&args.event)))?;
    print(args.reach.json, &answer, lines);
    Ok(())
}

fn lines(story: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    if let row @ Value::Object(_) = &story["ledger"] {
        lines.extend(print_rows(&Value::Array(vec![row.clone()]), &LEDGER_COLUMNS));
        let columns =
            [("USER", "user"), ("FROM", "fromRole"), ("TO", "toRole"), ("ID", "revocationId")];
        lines.extend(print_rows(&row["owners"], &columns));
    }
    if let dead_letter @ Value::Object(_) = &story["deadLetter"] {
        lines.extend(dead_letters::shown(dead_letter));
    }
    lines
}
