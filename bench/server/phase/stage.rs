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
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use tierlift_core::{
    id::EventId,
    policy::PolicyConfig,
    stripe::{
        event::{Event, Head, Type},
        signature::{self, Secrets},
    },
    time::Timestamp,
};

use tierlift_bench::{clock::now_secs, stats::figure};

use crate::{
    args::Scale,
    plan::Plan,
    server::{Program, WEBHOOK_SECRET},
};

const WEBHOOKS: usize = 1_000;

/// Webhooks a second of one core's time.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Rates {
    /// Verified and parsed as a whole, as `constructEvent` does.
    pub(crate) event_per_sec: f64,
    /// Verified and recognised: what stands between a webhook and its place in the queue.
    pub(crate) ingest_per_sec: f64,
}

/// How many webhooks a core verifies and parses a second.
pub(crate) fn measure(program: &Program, root: &Path, scale: &Scale) -> Result<Rates> {
    let plan = Plan::new(WEBHOOKS, scale.users, WEBHOOK_SECRET)?;
    match program {
        Program::Tierlift(_) => of_core(&plan, Duration::from_secs(scale.stage_secs)),
        Program::Peer(folder) => {
            let rate = of_node(&plan, folder, root, scale.stage_secs)?;
            Ok(Rates { event_per_sec: rate, ingest_per_sec: rate })
        }
    }
}

fn of_core(plan: &Plan, at_least: Duration) -> Result<Rates> {
    let webhooks: Vec<_> = plan.webhooks().collect();
    let heads: Vec<_> = webhooks.iter().map(|(_, body)| head(body)).collect::<Result<_>>()?;
    let secrets = Secrets::parse(WEBHOOK_SECRET)?;
    let now = Timestamp::from_secs(i64::try_from(now_secs())?);
    let keys = PolicyConfig::default().user_id_keys;
    let event_per_sec = rate(webhooks.len(), at_least, || {
        for ((header, body), (id, kind)) in webhooks.iter().zip(&heads) {
            signature::verify(&secrets, header, body, now)?;
            black_box(Event::parse(id.clone(), *kind, black_box(body), &keys)?);
        }
        Ok(())
    })?;
    let ingest_per_sec = rate(webhooks.len(), at_least, || {
        for (header, body) in &webhooks {
            signature::verify(&secrets, header, body, now)?;
            black_box(head(black_box(body))?);
        }
        Ok(())
    })?;
    Ok(Rates { event_per_sec, ingest_per_sec })
}

fn head(body: &[u8]) -> Result<(EventId, Type)> {
    let Head::Wanted { id, kind, .. } = Head::parse(body, &[])? else {
        bail!("an event is ignored")
    };
    Ok((id, kind))
}

/// Items a second over rounds of `of_round`, by this thread's own time: who else is on the core does not count.
fn rate(of_round: usize, at_least: Duration, mut round: impl FnMut() -> Result<()>) -> Result<f64> {
    let own_time = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime));
    let start = own_time()?;
    let mut done = 0;
    let mut elapsed = Duration::ZERO;
    while elapsed < at_least {
        round()?;
        done += of_round;
        elapsed = own_time()?.saturating_sub(start);
    }
    Ok(figure(done) / elapsed.as_secs_f64())
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
