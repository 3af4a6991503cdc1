//! `tierlift status`: how the deployment is, at a glance.

use serde_json::Value;

use crate::{
    error::Error,
    operator::{Door, Reach, print, text},
};

/// Show how the deployment is: queue, dead letters, what waits.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    reach: Reach,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let answer = Door::open(&args.reach)?.get("/status")?;
    // What a backend does not know, another place does.
    let unknown = if args.reach.aws { "unknown here; CloudWatch has it" } else { "-" };
    print(args.reach.json, &answer, |status| lines(status, unknown));
    Ok(())
}

fn lines(status: &Value, unknown: &str) -> Vec<String> {
    let value = |name: &str| text(&status[name]);
    let known = |name: &str| if status[name].is_null() { unknown.to_owned() } else { value(name) };
    let line = |name: &str, value: String| format!("{name:<22}{value}");
    let mut lines = vec![
        line("queued", value("queued")),
        line("in flight", known("inFlight")),
        line("oldest, in seconds", oldest(status, unknown)),
    ];
    if !status["thinQueued"].is_null() {
        lines.insert(1, line("  thin events", value("thinQueued")));
    }
    lines.push(line("dead letters", value("deadLetters")));
    for (cause, count) in status["deadLettersByCause"].as_object().into_iter().flatten() {
        lines.push(line(&format!("  {cause}"), text(count)));
    }
    lines.extend([
        line("waiting for an owner", value("waiting")),
        line("  since", value("waitingSince")),
        line("last applied", known("lastAppliedAt")),
        line("  event", last_event(&status["lastEvent"])),
        line("applied in a minute", known("appliedLastMinute")),
        line("webhooks in a minute", known("webhooksLastMinute")),
        line("lag, in seconds", known("lagSecs")),
        line("drift", drift(&status["drift"])),
        line("paused", value("paused")),
    ]);
    lines
}

/// The age of the oldest message. Where nothing is queued, none is unknown.
fn oldest(status: &Value, unknown: &str) -> String {
    let age = &status["oldestAgeSecs"];
    if age.is_null() && status["queued"] != 0 { unknown.to_owned() } else { text(age) }
}

fn last_event(event: &Value) -> String {
    if event.is_null() {
        return "-".to_owned();
    }
    let of = |name: &str| text(&event[name]);
    format!("{} ({}, {})", of("event"), of("type"), of("outcome"))
}

fn drift(drift: &Value) -> String {
    if drift.is_null() {
        return "never compared with Stripe; tierlift reconcile does it".to_owned();
    }
    let of = |name: &str| text(&drift[name]);
    let (fixed, checked) = (of("fixed"), of("checked"));
    if drift["endedAt"].is_null() {
        return format!("{fixed} of {checked} so far, since {}", of("begunAt"));
    }
    format!("{fixed} of {checked} differed at {}", of("endedAt"))
}
