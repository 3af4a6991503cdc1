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
    print(args.reach.json, &answer, lines);
    Ok(())
}

fn lines(status: &Value) -> Vec<String> {
    let value = |name: &str| text(&status[name]);
    let line = |name: &str, value: String| format!("{name:<22}{value}");
    let mut lines = vec![
        line("queued", value("queued")),
        line("oldest, in seconds", value("oldestAgeSecs")),
        line("dead letters", value("deadLetters")),
    ];
    for (cause, count) in status["deadLettersByCause"].as_object().into_iter().flatten() {
        lines.push(line(&format!("  {cause}"), text(count)));
    }
    lines.extend([
        line("waiting for an owner", value("waiting")),
        line("  since", value("waitingSince")),
        line("last applied", value("lastAppliedAt")),
        line("applied in a minute", value("appliedLastMinute")),
        line("paused", value("paused")),
    ]);
    lines
}
