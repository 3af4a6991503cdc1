//! `tierlift dead-letters show`: one dead letter, and what a redrive would change.

use serde_json::Value;

use crate::{
    commands::customer,
    error::Error,
    operator::{Door, Reach, encoded, print, print_rows, text},
};

/// Show one dead letter: the event, its failures, the roles now, and what a redrive would do.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The event's id, evt_….
    event: String,
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn run(args: &Args) -> Result<(), Error> {
    let path = format!("/dead-letters/event/{}", encoded(&args.event));
    let answer = Door::open(&args.reach)?.get(&path)?;
    print(args.reach.json, &answer, shown);
    Ok(())
}

/// The lines of a dead letter.
pub(in crate::commands) fn shown(it: &Value) -> Vec<String> {
    let value = |name: &str| text(&it[name]);
    let mut lines = vec![
        format!("{} {} of {}", value("event"), value("type"), value("group")),
        format!("received {}", value("receivedAt")),
        String::new(),
    ];
    lines.extend(print_rows(
        &it["attempts"],
        &[("FAILED", "at"), ("CAUSE", "cause"), ("ERROR", "error")],
    ));
    lines.push(String::new());
    if !it["customer"].is_null() {
        lines.extend(customer::state(&it["customer"]));
        lines.push(String::new());
    }
    let columns = [("USER", "user"), ("ROLE NOW", "role"), ("REVOCATION ID", "revocationId")];
    lines.extend(print_rows(&it["roles"], &columns));
    lines.extend([String::new(), "A redrive now:".to_owned()]);
    let sentences = it["explanation"].as_array().into_iter().flatten();
    lines.extend(sentences.map(|sentence| format!("  {}", text(sentence))));
    lines.push(String::new());
    lines.extend(format!("{:#}", it["body"]).lines().map(str::to_owned));
    lines.push(format!("For the cause, run `tierlift codes {}`.", value("cause")));
    lines
}
