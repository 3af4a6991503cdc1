//! One command per module: its arguments, its help, and `run`.

mod check;
mod codes;
mod import;
mod serve;
mod trigger;

use std::io::{self, Write as _};

use clap::{Parser, Subcommand};

use crate::error::Error;

const HELP: &str = "\
Exit status:
  0  done, or ended when asked to
  1  failed
  2  arguments, environment or configuration must change first

Every error on stderr names a code; `tierlift codes CODE` prints its page.";

/// Turn Stripe webhooks into roles that every open tab shows within a second.
#[derive(Debug, Parser)]
#[command(
    name = "tierlift",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = HELP
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands, most used first.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(serve::Args),
    #[command(alias = "simulate")]
    Trigger(trigger::Args),
    Import(import::Args),
    Reconcile(import::ReconcileArgs),
    Check(check::Args),
    Codes(codes::Args),
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Error> {
        match self {
            Self::Serve(args) => serve::run(args),
            Self::Trigger(args) => trigger::run(&args),
            Self::Import(args) => import::run(&args),
            Self::Reconcile(args) => import::run_reconcile(&args),
            Self::Check(args) => check::run(&args),
            Self::Codes(args) => codes::run(&args),
        }
    }
}

/// Prints a line of a command's result. A reader that has gone, such as `head`, is no error.
fn print_line(line: &str) {
    drop(writeln!(io::stdout(), "{line}"));
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }

    /// What people read in a terminal. `docs/reference/cli.md` is made of the same text.
    #[test]
    fn help() {
        let mut program = Args::command();
        program.build();
        insta::assert_snapshot!("help", program.render_help());
        for command in program.get_subcommands_mut().filter(|c| c.get_name() != "help") {
            let name = format!("help_{}", command.get_name());
            insta::assert_snapshot!(name, command.render_help());
        }
    }

    #[test]
    fn trigger_is_also_known_by_its_former_name() {
        for name in ["trigger", "simulate"] {
            let args = Args::try_parse_from(["tierlift", name, "upgrade", "--user", "ada"]);
            assert!(matches!(args.unwrap().command, Command::Trigger(_)), "{name}");
        }
    }
}
