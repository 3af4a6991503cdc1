//! `tierlift man`: the manual pages, from the definitions that parse the arguments.

use std::io::{self, Write as _};

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_mangen::Man;
use tierlift_core::codes::Code;

use crate::error::{Error, Problem};

const HELP: &str = "\
Examples:
  tierlift man | man -l -
  tierlift man dead-letters redrive > tierlift-dead-letters-redrive.1";

/// Print a manual page, as troff.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// The command; without one, the program.
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let mut found = super::Args::command();
    found.build();
    for name in &args.command {
        let nested = found.find_subcommand(name).cloned();
        found = nested.ok_or_else(|| {
            let message = format!("there is no command {}", args.command.join(" "));
            Problem::new(Code::UsageInvalid, message)
        })?;
    }
    let mut page = Vec::new();
    Man::new(found).render(&mut page).context("the page cannot be made")?;
    // A reader that has gone is no error.
    drop(io::stdout().lock().write_all(&page));
    Ok(())
}
