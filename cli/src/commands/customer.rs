//! `tierlift customer`: what a customer has, whose it is, and its events.

use serde_json::Value;

use super::event::LEDGER_COLUMNS;
use crate::{
    error::Error,
    operator::{Door, Reach, encoded, print, print_rows, text},
};

/// Show what a customer has, whose it is, and its events.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The customer's id, cus_….
    customer: String,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let answer =
        Door::open(&args.reach)?.get(&format!("/customers/{}", encoded(&args.customer)))?;
    print(args.reach.json, &answer, lines);
    Ok(())
}

fn lines(story: &Value) -> Vec<String> {
    let mut lines = state(story);
    lines.push(String::new());
    lines.extend(print_rows(&story["events"], &LEDGER_COLUMNS));
    lines
}

/// The lines of a customer as it is now.
pub(super) fn state(it: &Value) -> Vec<String> {
    let value = |name: &str| text(&it[name]);
    let mut lines = vec![format!(
        "{}: linked by hand to {}, waiting since {}",
        value("customer"),
        value("linkedTo"),
        value("waitingSince")
    )];
    let columns = [("ID", "id"), ("STATUS", "status"), ("OWNER", "owner")];
    lines.extend(print_rows(&it["things"], &columns));
    lines
}
