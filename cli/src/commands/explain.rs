//! `tierlift explain`: why a user has their role, and what was paid for and does not count.
#![expect(clippy::indexing_slicing, reason = "a key that a JSON value lacks is null")]

use serde_json::Value;

use crate::{
    error::Error,
    operator::{Door, Reach, print, print_rows, text, with_query},
};

/// Explain why a user has their role, and what does not count.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The user.
    user: String,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let path = with_query("/explain", &[("user", Some(args.user.clone()))]);
    let answer = Door::open(&args.reach)?.get(&path)?;
    print(args.reach.json, &answer, lines);
    Ok(())
}

fn lines(it: &Value) -> Vec<String> {
    let value = |name: &str| text(&it[name]);
    let mut lines = vec![format!("{} is {}", value("user"), value("role"))];
    lines.push(format!(
        "since {}, by {}, revocation id {}",
        value("assignedAt"),
        value("assignedBy"),
        value("revocationId")
    ));
    if !it["manualRole"].is_null() {
        let until = it["manualUntil"].as_str();
        let until = until.map(|until| format!(" until {until}")).unwrap_or_default();
        lines.push(format!("granted by hand: {}{until}", value("manualRole")));
    }
    for grant in it["granted"].as_array().into_iter().flatten() {
        let until = grant["until"].as_str();
        let until = until.map(|until| format!(" until {until}")).unwrap_or_default();
        lines.push(format!("granted by {}: {}{until}", text(&grant["id"]), text(&grant["role"])));
    }
    if !it["next"].is_null() {
        let (at, role) = (text(&it["next"]["at"]), text(&it["next"]["role"]));
        lines.push(format!("next: {role} at {at}, if no event comes"));
    }
    let columns = [
        ("COUNTS", "id"),
        ("CUSTOMER", "customer"),
        ("ROLE", "role"),
        ("UNTIL", "until"),
        ("BY", "by"),
    ];
    lines.extend([String::new()]);
    lines.extend(print_rows(&it["counts"], &columns));
    let columns = [("DOES NOT COUNT", "id"), ("CUSTOMER", "customer"), ("WHY", "reason")];
    lines.extend([String::new()]);
    lines.extend(print_rows(&it["doesNotCount"], &columns));
    lines
}
