//! `tierlift dead-letters export` and `import`: dead letters as JSON lines.

use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::{Value, json};
use tierlift_core::codes::Code;

use super::FilterArgs;
use crate::{
    commands::{lines, print_line},
    error::{Error, Problem},
    operator::{Door, Reach, Sign, print, with_query},
};

/// Print dead letters as JSON lines, unabridged: what Stripe sent is in them, personal data included.
#[derive(Debug, clap::Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    reach: Reach,
}

/// Add dead letters from a file that `export` wrote. What is known already is left as it is.
#[derive(Debug, clap::Args)]
pub(super) struct ImportArgs {
    /// The file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    sign: Sign,
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn export(args: &ExportArgs) -> Result<(), Error> {
    let door = Door::open(&args.reach)?;
    let mut after = None;
    loop {
        let mut query = args.filter.query()?;
        query.push(("after", after));
        let page = door.get(&with_query("/dead-letters/export", &query))?;
        for line in page.get("lines").and_then(Value::as_array).into_iter().flatten() {
            print_line(&line.to_string());
        }
        let Some(next) = page.get("next").and_then(Value::as_str) else { return Ok(()) };
        after = Some(next.to_owned());
    }
}

pub(super) fn import(args: &ImportArgs) -> Result<(), Error> {
    let door = Door::open(&args.reach)?;
    let mut read = 0;
    let counts = lines::send(&args.file, |batch| {
        let mut values = Vec::new();
        for line in batch {
            read += 1;
            let value: Value = serde_json::from_str(&line)
                .with_context(|| format!("{}:{read} is no JSON", args.file.display()))
                .map_err(|error| Problem::new(Code::UsageInvalid, format!("{error:#}")))?;
            values.push(value);
        }
        door.post("/dead-letters/import", &args.sign.body(json!({ "lines": values })))
    })?;
    print(args.reach.json, &counts.json(), |it| {
        vec![format!("{} added, {} known already", it["added"], it["known"])]
    });
    Ok(())
}
