//! Load on a fresh server: warmed up, driven, and asked what it cost.
//!
//! Each run has a server, a directory and an event plan of its own. It refuses to warm up on the
//! clock: both servers get the same number of events before the first one that counts.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result};
use serde::Serialize;

use tierlift_bench::{
    machine::precise_timers,
    stats::{Latency, figure},
};

use crate::{
    args::Scale,
    drive::{Counts, Outcome, Pace, drive},
    fleet::Fleet,
    metrics::{self, Stage},
    plan::Plan,
    server::{Cpu, JWT_SECRET, Program, Server, WEBHOOK_SECRET},
    socket::Tokens,
};

const WARM_UP_MAX: Duration = Duration::from_secs(30);

/// What one run of load showed. Times are in microseconds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Load {
    #[serde(flatten)]
    pub(crate) counts: Counts,
    pub(crate) upgrades_per_sec: f64,
    pub(crate) ack: Quantiles,
    pub(crate) notice: Quantiles,
    pub(crate) cpu: CpuMicros,
    pub(crate) resident_mib: f64,
    pub(crate) stages: Vec<Stage>,
}

/// A latency, in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Quantiles {
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

impl From<Latency> for Quantiles {
    fn from(latency: Latency) -> Self {
        Self { p50_us: micros(latency.p50), p99_us: micros(latency.p99) }
    }
}

/// The processor time of an event, in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct CpuMicros {
    /// The server's, in user code.
    pub(crate) user: f64,
    /// The server's, in the kernel.
    pub(crate) sys: f64,
    /// The generator's own.
    pub(crate) generator: f64,
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

impl Load {
    pub(crate) fn cpu_us_per_event(&self) -> f64 {
        self.cpu.user + self.cpu.sys
    }

    /// Events that were neither noticed nor refused before the run gave up.
    pub(crate) fn unfinished(&self) -> usize {
        self.counts.events.saturating_sub(self.counts.noticed + self.counts.refused)
    }
}

/// Closed loop: as many as the server does.
pub(crate) fn closed(program: &Program, root: &Path, scale: &Scale) -> Result<Load> {
    let shape = Shape {
        connections: scale.closed.connections,
        events: scale.closed.events,
        pace: Pace::Closed,
        limit: Duration::from_secs(scale.closed.secs_max),
    };
    shape.run(program, root, scale)
}

/// Open loop: at a fixed rate, whatever the server does.
pub(crate) fn open(program: &Program, root: &Path, scale: &Scale, per_second: u32) -> Result<Load> {
    let shape = Shape {
        connections: scale.open.connections,
        events: usize::try_from(u64::from(per_second) * scale.open.secs)?,
        pace: Pace::Open { per_second },
        limit: Duration::from_secs(scale.open.secs + scale.open.drain_secs),
    };
    shape.run(program, root, scale)
}

struct Shape {
    connections: usize,
    events: usize,
    pace: Pace,
    limit: Duration,
}

impl Shape {
    fn run(&self, program: &Program, root: &Path, scale: &Scale) -> Result<Load> {
        let server = Server::start(program, root)?;
        let load = self.drive(&server, scale);
        let load = load.with_context(|| format!("{}: {}", program.name(), server.log()))?;
        // Under more load than it carries, a server may need long to end; then it is killed.
        if load.unfinished() == 0 {
            server.end()?;
        }
        Ok(load)
    }

    fn drive(&self, server: &Server, scale: &Scale) -> Result<Load> {
        let warm = scale.warm_up_events;
        let plan = Plan::new(warm + self.events, scale.users, WEBHOOK_SECRET)?;
        let tokens = Tokens::new(JWT_SECRET);
        let mut fleet = Fleet::open(server.address(), self.connections, scale.users, &tokens)?;
        drive(&mut fleet, &plan, 0..warm, Pace::Closed, WARM_UP_MAX)?;
        let before = metrics::scrape(server.address())?;
        precise_timers(true)?;
        let (own, theirs) = (Cpu::of_this_process()?, server.cpu()?);
        let outcome = drive(&mut fleet, &plan, warm..warm + self.events, self.pace, self.limit)?;
        let (own, theirs) = (Cpu::of_this_process()?.since(own), server.cpu()?.since(theirs));
        precise_timers(false)?;
        let stages = metrics::stages(&before, &metrics::scrape(server.address())?);
        let resident_mib = figure(server.resident_bytes()?) / 1024.0 / 1024.0;
        Ok(load_of(&outcome, own, theirs, resident_mib, stages))
    }
}

fn load_of(
    outcome: &Outcome,
    own: Cpu,
    theirs: Cpu,
    resident_mib: f64,
    stages: Vec<Stage>,
) -> Load {
    let done = figure(outcome.counts.noticed.max(1));
    Load {
        counts: outcome.counts,
        upgrades_per_sec: outcome.per_second(),
        ack: outcome.ack.into(),
        notice: outcome.notice.into(),
        cpu: CpuMicros {
            user: micros(theirs.user) / done,
            sys: micros(theirs.sys) / done,
            generator: micros(own.user + own.sys) / done,
        },
        resident_mib,
        stages,
    }
}
