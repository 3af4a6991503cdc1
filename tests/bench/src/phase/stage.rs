//! One stage alone, on one core: verify a webhook and parse its event.
//!
//! tierlift's own functions beside stripe-node's `constructEvent`, on the same webhooks, in the same
//! run. It refuses to count a webhook that does not pass.

use std::{
    fs::{self, File},
    hint::black_box,
    io::{BufWriter, Write as _},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use tierlift_core::{
    event::{Event, Head},
    signature::{self, Secrets},
    time::Timestamp,
};

use crate::{
    args::Scale,
    plan::{Plan, now_secs},
    server::{Program, WEBHOOK_SECRET},
    stats::figure,
};

const WEBHOOKS: usize = 1_000;

/// Webhooks verified and parsed a second.
pub(crate) fn measure(program: &Program, root: &Path, scale: &Scale) -> Result<f64> {
    let plan = Plan::new(WEBHOOKS, scale.users, WEBHOOK_SECRET)?;
    match program {
        Program::Tierlift(_) => of_core(&plan, Duration::from_secs(scale.stage_secs)),
        Program::Peer(folder) => of_node(&plan, folder, root, scale.stage_secs),
    }
}

fn of_core(plan: &Plan, at_least: Duration) -> Result<f64> {
    let webhooks: Vec<_> = plan.webhooks().collect();
    let secrets = Secrets::parse(WEBHOOK_SECRET)?;
    let now = Timestamp::from_secs(i64::try_from(now_secs())?);
    let start = Instant::now();
    let mut done = 0;
    while start.elapsed() < at_least {
        for (header, body) in &webhooks {
            signature::verify(&secrets, header, body, now)?;
            black_box(parse(black_box(body))?);
        }
        done += webhooks.len();
    }
    Ok(figure(done) / start.elapsed().as_secs_f64())
}

/// What ingest reads, then what the worker reads.
fn parse(body: &[u8]) -> Result<Event> {
    let Head::Wanted { id, kind, .. } = Head::parse(body)? else { bail!("an event is ignored") };
    Ok(Event::parse(id, kind, body)?)
}

fn of_node(plan: &Plan, folder: &Path, root: &Path, secs: u64) -> Result<f64> {
    let file = root.join(format!("tierlift-bench-{}-webhooks", std::process::id()));
    write_webhooks(plan, &file)?;
    let output = Command::new("node")
        .arg(folder.join("construct-event.js"))
        .arg(&file)
        .args([WEBHOOK_SECRET, &secs.to_string()])
        .output()
        .context("node cannot be started")?;
    fs::remove_file(&file)?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rate = String::from_utf8(output.stdout)?;
    rate.trim().parse().with_context(|| format!("not a rate: {rate}"))
}

fn write_webhooks(plan: &Plan, file: &Path) -> Result<()> {
    let mut out = BufWriter::new(File::create(file)?);
    for (header, body) in plan.webhooks() {
        let (header, body) = (std::str::from_utf8(header)?, std::str::from_utf8(body)?);
        let line = serde_json::json!({ "header": header, "body": body });
        writeln!(out, "{line}")?;
    }
    Ok(out.flush()?)
}
