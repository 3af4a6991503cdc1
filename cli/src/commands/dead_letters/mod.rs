//! `tierlift dead-letters`: what could not be applied, why, and what to do about it.

mod discard;
mod list;
mod redrive;
mod show;
mod transfer;

use serde_json::{Value, json};

use super::since_secs;
use crate::error::Error;

pub(super) use show::shown;

/// Look at dead letters, and redrive or discard them.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

/// The commands, most used first.
#[derive(Debug, clap::Subcommand)]
enum Command {
    List(list::Args),
    Show(show::Args),
    Redrive(redrive::Args),
    Discard(discard::Args),
    Undiscard(discard::UndiscardArgs),
    Note(discard::NoteArgs),
    Export(transfer::ExportArgs),
    Import(transfer::ImportArgs),
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    match &args.command {
        Command::List(args) => list::run(args),
        Command::Show(args) => show::run(args),
        Command::Redrive(args) => redrive::run(args),
        Command::Discard(args) => discard::run(args),
        Command::Undiscard(args) => discard::undiscard(args),
        Command::Note(args) => discard::note(args),
        Command::Export(args) => transfer::export(args),
        Command::Import(args) => transfer::import(args),
    }
}

/// Which dead letters are meant.
#[derive(Clone, Debug, Default, clap::Args)]
struct FilterArgs {
    /// Only those with this cause.
    #[arg(long, value_name = "CODE")]
    cause: Option<String>,
    /// Only those of this event type.
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Only those of this customer.
    #[arg(long, value_name = "ID")]
    customer: Option<String>,
    /// Only those that name this user, or whose customer does.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Only those that failed in this time, such as `90s`, `30m`, `12h` or `7d`.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
}

impl FilterArgs {
    const fn is_empty(&self) -> bool {
        let Self { cause, kind, customer, user, since } = self;
        cause.is_none() && kind.is_none() && customer.is_none() && user.is_none() && since.is_none()
    }

    fn query(&self) -> Result<Vec<(&'static str, Option<String>)>, Error> {
        let since = self.since.as_deref().map(since_secs).transpose()?;
        Ok(vec![
            ("cause", self.cause.clone()),
            ("type", self.kind.clone()),
            ("customer", self.customer.clone()),
            ("user", self.user.clone()),
            ("sinceSecs", since.map(|since| since.to_string())),
        ])
    }

    fn body(&self, events: &[String]) -> Result<Value, Error> {
        let Self { cause, kind, customer, user, since } = self;
        let since = since.as_deref().map(since_secs).transpose()?;
        Ok(json!({
            "events": events, "cause": cause, "type": kind, "customer": customer, "user": user,
            "sinceSecs": since,
        }))
    }
}
