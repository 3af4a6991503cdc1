//! `tierlift audit export`: the ledger as JSON lines, newest first.
#![expect(clippy::indexing_slicing, reason = "a key that a JSON value lacks is null")]

use super::{print_line, since_secs};
use crate::{
    error::Error,
    operator::{Door, Reach, with_query},
};

/// Read the audit trail.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Export(Export),
}

/// Print the ledger as JSON lines, newest first.
#[derive(Debug, clap::Args)]
struct Export {
    /// Only what was processed in this time, such as `90s`, `30m`, `12h` or `7d`.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only what concerns this user.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Only what concerns this customer.
    #[arg(long, value_name = "ID")]
    customer: Option<String>,
    /// Only what somebody did by hand.
    #[arg(long)]
    acts: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let Command::Export(args) = &args.command;
    let door = Door::open(&args.reach)?;
    let since = args.since.as_deref().map(since_secs).transpose()?;
    let mut before = None;
    loop {
        let query = [
            ("sinceSecs", since.map(|since| since.to_string())),
            ("user", args.user.clone()),
            ("customer", args.customer.clone()),
            ("actsOnly", args.acts.then(|| "true".to_owned())),
            ("before", before),
        ];
        let page = door.get(&with_query("/ledger", &query))?;
        for row in page["rows"].as_array().into_iter().flatten() {
            print_line(&row.to_string());
        }
        let Some(next) = page["next"].as_str() else { return Ok(()) };
        before = Some(next.to_owned());
    }
}
