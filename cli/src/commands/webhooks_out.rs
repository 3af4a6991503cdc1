//! `tierlift webhooks`: webhooks to the host: what waits, which are dead, and what to do about those.

use serde_json::{Value, json};

use crate::{
    error::Error,
    operator::{Door, Reach, Sign, print, print_rows, text, with_query},
};

/// Look at webhooks to the host, and redrive or discard dead ones.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

/// The commands, most used first.
#[derive(Debug, clap::Subcommand)]
enum Command {
    Status(StatusArgs),
    List(ListArgs),
    Redrive(ActArgs),
    /// Discard dead webhooks; the host never gets them.
    Discard(ActArgs),
}

/// Show how many wait, and why.
#[derive(Debug, clap::Args)]
struct StatusArgs {
    #[command(flatten)]
    reach: Reach,
}

/// List dead webhooks: those that the host did not accept for three days.
#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Where the page begins: `next` of the page before.
    #[arg(long, value_name = "SEQUENCE")]
    after: Option<u64>,
    #[command(flatten)]
    reach: Reach,
}

/// Send dead webhooks again.
#[derive(Debug, clap::Args)]
struct ActArgs {
    /// Their ids.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    sign: Sign,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    match &args.command {
        Command::Status(args) => {
            let answer = Door::open(&args.reach)?.get("/webhooks")?;
            print(args.reach.json, &answer, status);
        }
        Command::List(args) => {
            let after = args.after.map(|after| after.to_string());
            let path = with_query("/webhooks/dead", &[("after", after)]);
            print(args.reach.json, &Door::open(&args.reach)?.get(&path)?, rows);
        }
        Command::Redrive(args) => act(args, "/webhooks/redrive")?,
        Command::Discard(args) => act(args, "/webhooks/discard")?,
    }
    Ok(())
}

fn act(args: &ActArgs, path: &str) -> Result<(), Error> {
    let body = args.sign.body(json!({ "ids": args.ids }));
    let answer = Door::open(&args.reach)?.post(path, &body)?;
    print(args.reach.json, &answer, |it| vec![format!("done: {} webhooks", it["count"])]);
    Ok(())
}

fn status(status: &Value) -> Vec<String> {
    let line = |name: &str, key: &str| format!("{name:<22}{}", text(&status[key]));
    vec![
        line("pending", "pending"),
        line("  of users", "users"),
        line("oldest, in seconds", "oldestAgeSecs"),
        line("error", "error"),
        line("dead", "dead"),
    ]
}

fn rows(page: &Value) -> Vec<String> {
    let columns = [
        ("ID", "id"),
        ("USER", "user"),
        ("TYPE", "type"),
        ("FAILED", "failedAt"),
        ("TRIES", "attempts"),
        ("ERROR", "error"),
    ];
    print_rows(&page["rows"], &columns)
}
