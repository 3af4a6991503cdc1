//! `tierlift dead-letters list`: groups of dead letters, or each of them.

use clap::ValueEnum;
use serde_json::Value;
use tierlift_core::limits::DEAD_LETTERS_PAGE_MAX;

use super::FilterArgs;
use crate::{
    error::Error,
    operator::{Door, Reach, print, print_rows, with_query},
};

/// List dead letters in groups, or each of them.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    filter: FilterArgs,
    /// What the groups have in common.
    #[arg(long, value_enum, value_name = "WHAT", default_value = "cause")]
    group_by: GroupBy,
    /// List each dead letter, the oldest first.
    #[arg(long)]
    each: bool,
    /// List what was discarded, the newest first.
    #[arg(long, conflicts_with = "each")]
    discarded: bool,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum GroupBy {
    Cause,
    Error,
    Type,
}

const GROUP_COLUMNS: [(&str, &str); 7] = [
    ("COUNT", "count"),
    ("KEY", "key"),
    ("CUSTOMERS", "customers"),
    ("USERS", "users"),
    ("LAST", "lastAt"),
    ("LAST ERROR", "lastError"),
    ("NOTE", "note"),
];
const EACH_COLUMNS: [(&str, &str); 6] = [
    ("EVENT", "event"),
    ("TYPE", "type"),
    ("CUSTOMER", "group"),
    ("CAUSE", "cause"),
    ("FAILURES", "failures"),
    ("ERROR", "error"),
];
const DISCARDED_COLUMNS: [(&str, &str); 5] = [
    ("EVENT", "event"),
    ("CAUSE", "cause"),
    ("ACTOR", "actor"),
    ("REASON", "reason"),
    ("KEPT UNTIL", "expiresAt"),
];

pub(super) fn run(args: &Args) -> Result<(), Error> {
    let door = Door::open(&args.reach)?;
    let mut query = args.filter.query()?;
    if args.discarded {
        let answer = door.get("/dead-letters/discarded")?;
        let hint = format!("The newest {DEAD_LETTERS_PAGE_MAX} are listed.");
        print(args.reach.json, &answer, |it| page(it, &DISCARDED_COLUMNS, hint));
    } else if args.each {
        let answer = door.get(&with_query("/dead-letters", &query))?;
        let hint = format!(
            "The oldest {DEAD_LETTERS_PAGE_MAX} are listed; choose others with --cause, --type, --customer, \
             --user or --since."
        );
        print(args.reach.json, &answer, |it| page(it, &EACH_COLUMNS, hint));
    } else {
        query.push(("by", Some(format!("{:?}", args.group_by).to_lowercase())));
        let answer = door.get(&with_query("/dead-letters/groups", &query))?;
        print(args.reach.json, &answer, |it| {
            let mut lines = print_rows(&it["groups"], &GROUP_COLUMNS);
            lines.push(match it["others"].as_u64() {
                None | Some(0) => format!("{} dead letters", it["total"]),
                Some(others) => {
                    format!("{} dead letters, {others} of them in further groups", it["total"])
                }
            });
            lines
        });
    }
    Ok(())
}

/// The lines of a table that has as many rows as an answer may have, or fewer.
fn page(items: &Value, columns: &[(&str, &str)], hint: String) -> Vec<String> {
    let mut lines = print_rows(items, columns);
    if items.as_array().is_some_and(|items| items.len() >= DEAD_LETTERS_PAGE_MAX) {
        lines.push(hint);
    }
    lines
}
