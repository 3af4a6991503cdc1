//! `tierlift completions`: what a shell needs to complete commands and arguments.

use std::io::{self, Write as _};

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};

use crate::error::Error;

const HELP: &str = "\
Examples:
  tierlift completions bash > /etc/bash_completion.d/tierlift
  tierlift completions zsh > ~/.zfunc/_tierlift
  tierlift completions fish > ~/.config/fish/completions/tierlift.fish";

/// Print completions for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

#[expect(clippy::unnecessary_wraps, reason = "commands have one form")]
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let mut script = Vec::new();
    generate(args.shell, &mut super::Args::command(), "tierlift", &mut script);
    // A reader that has gone is no error.
    drop(io::stdout().lock().write_all(&script));
    Ok(())
}
