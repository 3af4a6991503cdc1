//! `tierlift erase`: what is known of a user goes.

use serde_json::{Value, json};
use tierlift_core::codes::Code;

use crate::{
    error::{Error, Problem},
    operator::{Door, Reach, Sign, confirms, print, text},
};

const HELP: &str = "\
Their account, what customers have of them, dead letters and notes go permanently. The ledger keeps its rows, with a
pseudonym in the place of the user. If it is interrupted, the same command finishes it.

What Stripe still says about them is stored again with the next event: delete the customer at Stripe first.

Example:
  tierlift erase ada --reason \"request 4711\"";

/// Erase a user: what is known of them goes, and their sessions end.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// The user.
    user: String,
    /// Do not ask before.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    sign: Sign,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let door = Door::open(&args.reach)?;
    let user = args.user.replace(char::is_control, " ");
    if !args.yes && !confirms(&format!("Erase {user}? It cannot be undone.")) {
        let message = format!("{user} would be erased, permanently; confirm with --yes");
        return Err(Problem::new(Code::UsageInvalid, message).into());
    }
    let answer = door.post("/erase", &args.sign.body(json!({"user": args.user})))?;
    print(args.reach.json, &answer, lines);
    Ok(())
}

fn lines(erased: &Value) -> Vec<String> {
    let value = |name: &str| text(erased.get(name).unwrap_or(&Value::Null));
    vec![
        format!("erased; in the ledger it is {}", value("pseudonym")),
        format!("customers: {}", value("customers")),
        format!("dead letters: {}", value("deadLetters")),
        format!("notes: {}", value("notes")),
        format!("rows of the ledger: {}", value("rows")),
    ]
}
