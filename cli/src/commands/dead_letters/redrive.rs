//! `tierlift dead-letters redrive`: moves dead letters back to the queue, step by step, with progress. A redrive that
//! was killed is continued by the same command: what is in the queue already is no dead letter any more.
#![expect(clippy::indexing_slicing, reason = "a key that a JSON value lacks is null")]

use std::time::{Duration, Instant};

use anyhow::anyhow;
use clap::{Arg, builder::ArgPredicate};
use serde_json::{Value, json};
use tierlift_core::{
    codes::Code,
    limits::{REDRIVE_CONFIRMED_ABOVE, REDRIVE_JUDGED_MIN, REDRIVE_STEP_MAX},
};

use super::FilterArgs;
use crate::{
    commands::print_line,
    error::{Error, Problem},
    log,
    operator::{Door, Reach, Sign, confirms, print, text, with_query},
};

const HELP: &str = "\
It stops by itself when most of what it redrove failed again. What fails again keeps all its failures.

Examples:
  tierlift dead-letters redrive evt_1 --reason \"the plan is mapped now\"
  tierlift dead-letters redrive --cause plan.unmapped --dry-run
  tierlift dead-letters redrive --all --rate 50 --yes --reason \"the store is back\"";

/// Redrive dead letters: move them back to the queue.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
#[command(mut_args(needless_for_a_dry_run))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct Args {
    /// The ids of the events.
    #[arg(value_name = "EVENT")]
    events: Vec<String>,
    #[command(flatten)]
    filter: FilterArgs,
    /// All dead letters.
    #[arg(long)]
    all: bool,
    /// At most this number a second.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Only say what would become of each.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before redriving more than ten.
    #[arg(long)]
    yes: bool,
    /// Go on when most fail again.
    #[arg(long)]
    keep_going: bool,
    #[command(flatten)]
    sign: Sign,
    #[command(flatten)]
    reach: Reach,
}

/// What changes nothing is not in the ledger, and needs no reason.
fn needless_for_a_dry_run(arg: Arg) -> Arg {
    if arg.get_id() != "reason" {
        return arg;
    }
    let dry_run = "dry_run";
    arg.required(false).required_unless_present(dry_run).default_value_if(
        dry_run,
        ArgPredicate::IsPresent,
        "dry run",
    )
}

/// The totals of all steps so far.
#[derive(Default)]
struct Totals {
    redriven: u64,
    applied: u64,
    failed: u64,
    queued: u64,
}

pub(super) fn run(args: &Args) -> Result<(), Error> {
    if !args.all && args.events.is_empty() && args.filter.is_empty() {
        let message = "name events, a filter, or --all";
        return Err(Problem::new(Code::UsageInvalid, message).into());
    }
    let door = Door::open(&args.reach)?;
    if !args.dry_run && !args.yes {
        confirm(args, &door)?;
    }
    let (mut totals, mut after, mut until) = (Totals::default(), Value::Null, Value::Null);
    loop {
        let begun = Instant::now();
        let step = door.post("/dead-letters/redrive", &step(args, &after, &until)?)?;
        if args.dry_run {
            print(args.reach.json, &step["predicted"], predicted);
        }
        totals.add(&step);
        if !args.reach.json && !args.dry_run {
            log::print(totals.line());
        }
        let is_last = step["next"].is_null();
        if !args.keep_going && totals.mostly_fail() {
            let error = anyhow!("stopped, since most failed again: {}", totals.line().trim_end());
            return Err(Error::failed(Code::CommandFailed, error));
        }
        if is_last {
            break;
        }
        (after, until) = (step["next"].clone(), step["until"].clone());
        if let Some(rate) = args.rate {
            let moved = step["redriven"].as_u64().and_then(|moved| u32::try_from(moved).ok());
            let due = Duration::from_secs(1) * moved.unwrap_or(0) / rate;
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
        }
    }
    if !args.dry_run {
        totals.report(args.reach.json, door.has_server());
    }
    Ok(())
}

fn step(args: &Args, after: &Value, until: &Value) -> Result<Value, Error> {
    let most = REDRIVE_STEP_MAX;
    let max = args.rate.map_or(most, |rate| most.min(rate as usize));
    let filter = args.filter.body(&args.events)?;
    Ok(args.sign.body(json!({
        "filter": filter, "after": after, "until": until, "max": max, "dryRun": args.dry_run,
    })))
}

/// Asks before more than a few are redriven. Without a terminal nobody can be asked.
fn confirm(args: &Args, door: &Door) -> Result<(), Error> {
    let count = if args.events.is_empty() {
        let groups = door.get(&with_query("/dead-letters/groups", &args.filter.query()?))?;
        groups["total"].as_u64().unwrap_or(0)
    } else {
        args.events.len() as u64
    };
    if count <= REDRIVE_CONFIRMED_ABOVE {
        return Ok(());
    }
    if confirms(&format!("Redrive {count} dead letters?")) {
        return Ok(());
    }
    let message = format!("{count} dead letters would be redriven; confirm with --yes");
    Err(Problem::new(Code::UsageInvalid, message).into())
}

fn predicted(items: &Value) -> Vec<String> {
    let line = |item: &Value| {
        let sentences = item["explanation"].as_array().into_iter().flatten();
        let sentences: Vec<_> = sentences.map(text).collect();
        format!("{}: {}", text(&item["event"]), sentences.join(" "))
    };
    items.as_array().into_iter().flatten().map(line).collect()
}

impl Totals {
    fn add(&mut self, step: &Value) {
        let number = |name: &str| step[name].as_u64().unwrap_or(0);
        self.redriven += number("redriven");
        self.applied += number("applied");
        self.failed += number("failed");
        self.queued += number("queued");
    }

    /// Whether most failed again, so that the cause is not fixed.
    const fn mostly_fail(&self) -> bool {
        self.failed >= REDRIVE_JUDGED_MIN && self.failed > self.applied + self.queued
    }

    fn line(&self) -> String {
        let Self { redriven, applied, failed, queued } = self;
        format!("{redriven} redriven: {applied} applied, {failed} failed again, {queued} queued\n")
    }

    fn report(&self, is_json: bool, has_server: bool) {
        let Self { redriven, applied, failed, queued } = self;
        let answer = json!({
            "redriven": redriven, "applied": applied, "failed": failed, "queued": queued,
        });
        print(is_json, &answer, |_| vec![self.line().trim_end().to_owned()]);
        if !is_json && !has_server && *queued > 0 {
            print_line("No server runs: what is queued is applied when one starts.");
        }
    }
}
