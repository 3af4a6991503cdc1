//! One job of one program: many cold starts, then many invocations of one that is warm.
//!
//! A first start that is not counted fills the page cache, as a function that was just deployed and
//! called is in Lambda's. It refuses an answer that is not that of the job done.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;

use tierlift_bench::stats::median;

use crate::{
    args::Scale,
    cloud::{Cloud, Counts},
    function::{Function, Job, Program},
    size::{self, Size},
};

/// Everything measured of one function.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) program: &'static str,
    pub(crate) job: &'static str,
    /// Medians, in milliseconds.
    pub(crate) ready_ms: f64,
    pub(crate) first_ms: f64,
    pub(crate) warm_ms: f64,
    /// The highest of all processes.
    pub(crate) memory_peak_bytes: u64,
    pub(crate) size: Size,
    /// Requests to AWS of an invocation that is not the first, and those before it beyond that.
    pub(crate) asked_warm: Counts,
    pub(crate) asked_once: Counts,
    /// What it logs for an invocation that is not its first, in bytes.
    pub(crate) logged_warm_bytes: u64,
}

/// Where a program's functions send to and keep their logs.
pub(crate) struct Place {
    pub(crate) cloud: Cloud,
    pub(crate) dir: PathBuf,
}

impl Place {
    pub(crate) fn new(root: &Path, program: &Program) -> Result<Self> {
        let dir = root.join(program.name());
        std::fs::create_dir_all(&dir)?;
        Ok(Self { cloud: Cloud::start()?, dir })
    }
}

/// One process, from its start through its first invocation.
struct Cold {
    function: Function,
    ready_ms: f64,
    first_ms: f64,
    /// Until its first invocation was done.
    asked: Counts,
}

/// Measures one job.
pub(crate) fn job(program: &Program, job: Job, place: &Place, scale: &Scale) -> Result<Figures> {
    drop(cold(program, job, place, 0)?);
    let mut colds = Vec::with_capacity(scale.colds);
    let mut memory_peak_bytes = 0;
    let mut last = None;
    for index in 1..=scale.colds {
        // The one before ends first: two at once would share the cores.
        drop(last.take());
        let cold = cold(program, job, place, index)?;
        memory_peak_bytes = memory_peak_bytes.max(cold.function.memory_peak_bytes()?);
        colds.push((cold.ready_ms, cold.first_ms));
        last = Some(cold);
    }
    let last = last.context("there was no start")?;
    let logged_before = last.function.logged_bytes()?;
    let warm = warm(&last.function, job, place, scale)?;
    let logged = last.function.logged_bytes()? - logged_before;
    Ok(Figures {
        program: program.name(),
        job: job.name(),
        ready_ms: median(colds.iter().map(|cold| cold.0).collect()),
        first_ms: median(colds.iter().map(|cold| cold.1).collect()),
        warm_ms: median(warm.ms),
        memory_peak_bytes: memory_peak_bytes.max(last.function.memory_peak_bytes()?),
        size: size::of(&program.files(job)?, &place.dir)?,
        asked_once: beyond(last.asked, &warm.asked),
        asked_warm: warm.asked,
        logged_warm_bytes: logged / u64::try_from(scale.warms)?,
    })
}

/// The invocations of a function that has had its first.
struct Warm {
    ms: Vec<f64>,
    /// By the last of them.
    asked: Counts,
}

fn warm(function: &Function, job: Job, place: &Place, scale: &Scale) -> Result<Warm> {
    let mut warm = Warm { ms: Vec::with_capacity(scale.warms), asked: Counts::new() };
    for index in 0..scale.warms {
        let (ms, asked) = invoke(function, job, place, scale.colds + 1 + index)?;
        warm.ms.push(ms);
        warm.asked = asked;
    }
    Ok(warm)
}

fn cold(program: &Program, job: Job, place: &Place, index: usize) -> Result<Cold> {
    place.cloud.take_counts()?;
    let function = Function::start(program, job, &place.cloud, &place.dir)?;
    let ready_ms = function.ready_ms()?;
    let mut asked = place.cloud.take_counts()?;
    let (first_ms, by_first) = invoke(&function, job, place, index)?;
    for (operation, count) in by_first {
        *asked.entry(operation).or_default() += count;
    }
    Ok(Cold { function, ready_ms, first_ms, asked })
}

/// What was asked more often than `usual`.
fn beyond(mut asked: Counts, usual: &Counts) -> Counts {
    for (operation, count) in &mut asked {
        *count = count.saturating_sub(usual.get(operation).copied().unwrap_or(0));
    }
    asked.retain(|_, count| *count > 0);
    asked
}

fn invoke(function: &Function, job: Job, place: &Place, index: usize) -> Result<(f64, Counts)> {
    let event = job.event(index, &place.cloud)?;
    let answered = function.runtime.invoke(&event);
    let (after, answer) = answered.with_context(|| function.said())?;
    let asked = place.cloud.take_counts()?;
    job.check(&answer, &asked).with_context(|| function.said())?;
    Ok((after.as_secs_f64() * 1e3, asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_each_time_is_not_asked_once() {
        let counts = |all: &[(&str, usize)]| -> Counts {
            all.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
        };
        let cold = counts(&[("GetSecretValue", 1), ("Query", 2), ("PutItem", 1)]);
        let usual = counts(&[("Query", 1), ("PutItem", 1)]);
        assert_eq!(beyond(cold, &usual), counts(&[("GetSecretValue", 1), ("Query", 1)]));
    }
}
