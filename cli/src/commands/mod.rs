//! One command per module: its arguments, its help, and `run`.

mod audit;
mod backup;
mod check;
mod codes;
mod completions;
mod console;
mod customer;
mod dead_letters;
mod doctor;
mod erase;
mod event;
mod explain;
mod grant;
mod import;
mod init;
mod lines;
mod link;
mod man;
mod pause;
mod replay;
mod restore;
mod revoke;
mod serve;
mod status;
mod trigger;
mod waiting;
mod webhooks_out;

use clap::{Parser, Subcommand};
use serde_json::Value;
use tierlift_core::codes::Code;
use tierlift_embedded::system_clock;

use crate::{
    error::{Error, Problem},
    operator::{Reach, print},
};

pub(crate) use crate::print_line::print_line;
pub(crate) use serve::{data_code, policy_of};

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
    Init(init::Args),
    Status(status::Args),
    Waiting(waiting::Args),
    #[command(alias = "dlq")]
    DeadLetters(dead_letters::Args),
    Webhooks(webhooks_out::Args),
    Explain(explain::Args),
    Event(event::Args),
    Customer(customer::Args),
    Link(link::LinkArgs),
    Unlink(link::UnlinkArgs),
    Grant(grant::Args),
    Revoke(revoke::Args),
    Erase(erase::Args),
    /// Pause the worker: webhooks are acknowledged and wait in the queue.
    Pause(pause::Args),
    /// Let the worker go on.
    Resume(pause::Args),
    Audit(audit::Args),
    Console(console::Args),
    Backup(backup::Args),
    Restore(restore::Args),
    Replay(replay::Args),
    Doctor(doctor::Args),
    Import(import::Args),
    Reconcile(import::ReconcileArgs),
    Check(check::Args),
    Codes(codes::Args),
    Completions(completions::Args),
    Man(man::Args),
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Error> {
        match self {
            Self::Serve(args) => serve::run(args),
            Self::Trigger(args) => trigger::run(&args),
            Self::Init(args) => init::run(&args),
            Self::Status(args) => status::run(&args),
            Self::Waiting(args) => waiting::run(&args),
            Self::DeadLetters(args) => dead_letters::run(&args),
            Self::Webhooks(args) => webhooks_out::run(&args),
            Self::Explain(args) => explain::run(&args),
            Self::Event(args) => event::run(&args),
            Self::Customer(args) => customer::run(&args),
            Self::Link(args) => link::link(&args),
            Self::Unlink(args) => link::unlink(&args),
            Self::Grant(args) => grant::run(&args),
            Self::Revoke(args) => revoke::run(&args),
            Self::Erase(args) => erase::run(&args),
            Self::Pause(args) => pause::run(&args, true),
            Self::Resume(args) => pause::run(&args, false),
            Self::Audit(args) => audit::run(&args),
            Self::Console(args) => console::run(&args),
            Self::Backup(args) => backup::run(&args),
            Self::Restore(args) => restore::run(&args),
            Self::Replay(args) => replay::run(&args),
            Self::Doctor(args) => doctor::run(&args),
            Self::Import(args) => import::run(&args),
            Self::Reconcile(args) => import::run_reconcile(&args),
            Self::Check(args) => check::run(&args),
            Self::Codes(args) => codes::run(&args),
            Self::Completions(args) => completions::run(&args),
            Self::Man(args) => man::run(&args),
        }
    }
}

/// Prints what an act changed.
fn changed(reach: &Reach, answer: &Value) {
    print(reach.json, answer, |it| vec![format!("done: {} accounts changed", it["changed"])]);
}

/// The time so long ago, in seconds since the epoch: `90s`, `30m`, `12h`, `7d`.
fn since_secs(ago: &str) -> Result<i64, Error> {
    Ok(system_clock().now().plus_secs(-secs(ago)?).as_secs())
}

/// The time in so long, likewise.
fn until_secs(ahead: &str) -> Result<i64, Error> {
    Ok(system_clock().now().plus_secs(secs(ahead)?).as_secs())
}

fn secs(text: &str) -> Result<i64, Error> {
    let units = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
    let parsed = units.iter().find_map(|(unit, secs)| {
        let number: i64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(*secs).filter(|secs| *secs >= 0)
    });
    let message = || format!("{text} is no time such as 90s, 30m, 12h or 7d");
    Ok(parsed.ok_or_else(|| Problem::new(Code::UsageInvalid, message()))?)
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
