//! What the figures were taken on, and what its disk takes for one fsync.
//!
//! It refuses to guess: what the system does not tell is shown as unknown.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    num::NonZeroU64,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use rustix::{
    process::{Resource, Rlimit, getrlimit, setrlimit},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity, set_current_timer_slack},
};
use serde::Serialize;

use crate::stats::percentile;

const FSYNCS: usize = 300;
const PAGE: [u8; 4096] = [0x74; 4096];

/// The machine of a run.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// Its model of processor.
    pub cpu: String,
    /// The cores that the run may use.
    pub cores_used: usize,
    /// The cores that it has.
    pub cores: usize,
    /// The release of its kernel.
    pub kernel: String,
    /// The file system of the servers' files.
    pub filesystem: String,
    /// What one small commit waits for, before the run and after it.
    pub fsync_p50_us: (u128, u128),
    /// The load average of a minute when the run began.
    pub load_before: String,
}

impl Machine {
    /// Looks at the machine, with `dir` as the place where the servers keep their files.
    pub fn look(dir: &Path, cores_used: usize) -> Result<Self> {
        Ok(Self {
            cpu: cpu_model().unwrap_or_else(unknown),
            cores_used,
            cores: fs::read_to_string("/proc/cpuinfo")?.matches("processor\t").count(),
            kernel: read_trimmed("/proc/sys/kernel/osrelease").unwrap_or_else(unknown),
            filesystem: filesystem_of(dir).unwrap_or_else(unknown),
            fsync_p50_us: (fsync_p50(dir)?.as_micros(), 0),
            load_before: read_trimmed("/proc/loadavg")
                .and_then(|load| load.split(' ').next().map(str::to_owned))
                .unwrap_or_else(unknown),
        })
    }

    /// Looks at its disk again: where the two differ much, something else was at work.
    pub fn look_again(&mut self, dir: &Path) -> Result<()> {
        self.fsync_p50_us.1 = fsync_p50(dir)?.as_micros();
        Ok(())
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn read_trimmed(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

fn cpu_model() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The type of the file system with the longest mount point above `dir`.
fn filesystem_of(dir: &Path) -> Option<String> {
    let dir = dir.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    let fields = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        Some((fields.nth(1)?.to_owned(), fields.next()?.to_owned()))
    });
    let above = fields.filter(|(point, _)| dir.starts_with(point));
    above.max_by_key(|(point, _)| point.len()).map(|(_, kind)| kind)
}

/// The median time of one appended page and its fdatasync, which is what a small commit waits for.
fn fsync_p50(dir: &Path) -> Result<Duration> {
    let path = dir.join(format!("tierlift-bench-{}-fsync", std::process::id()));
    let mut file = OpenOptions::new().create_new(true).append(true).open(&path)?;
    let mut times = Vec::with_capacity(FSYNCS);
    for _ in 0..FSYNCS {
        let start = Instant::now();
        file.write_all(&PAGE)?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    fs::remove_file(&path)?;
    times.sort_unstable();
    percentile(&times, 50).context("no fsync was measured")
}

/// Keeps this process and its children on the `wanted` first cores; returns how many there are.
pub fn stay_on_cores(wanted: usize) -> Result<usize> {
    let allowed = sched_getaffinity(None)?;
    let mut set = CpuSet::new();
    let numbers = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
    let used = numbers.take(wanted).map(|cpu| set.set(cpu)).count();
    sched_setaffinity(None, &set)?;
    Ok(used)
}

/// Lets this process and its children open `wanted` files, or as many as are allowed, but not less than `needed`;
/// returns how many.
pub fn raise_file_limit(needed: u64, wanted: u64) -> Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    let files = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    ensure!(files >= needed, "{needed} open files are not allowed: raise ulimit -Hn");
    if limit.current.is_some_and(|current| current < files) {
        let raised = Rlimit { current: Some(files), maximum: limit.maximum };
        setrlimit(Resource::Nofile, raised).context("the limit of open files")?;
    }
    Ok(files)
}

/// Timers of this thread to the microsecond while it drives; a child started later has the default.
pub fn precise_timers(precise: bool) -> Result<()> {
    let slack = precise.then_some(NonZeroU64::MIN);
    set_current_timer_slack(slack).context("timer slack")
}
