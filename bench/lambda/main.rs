//! Measures the Lambda functions beside the same jobs in Python, without AWS: a Runtime API and
//! AWS's endpoints are played on 127.0.0.1, the functions are the real programs.
//!
//! Time until a function is ready, its first and its later invocations, peak memory, size, and
//! what it asks of AWS, counted on the wire. It refuses to judge: nothing here fails because a
//! figure is slow, only because a function did its job wrong or not at all.

mod args;
mod cloud;
mod function;
mod measure;
mod payload;
mod report;
mod runtime;
mod size;

use std::{env, fs, path::Path, process};

use anyhow::{Context as _, Result};
use clap::Parser as _;

use tierlift_bench::machine::{self, Machine};

use crate::{
    args::{Args, Scale},
    cloud::Counts,
    function::{Job, Program},
    measure::{Figures, Place},
    report::Report,
};

/// Cores that the functions and the fakes share.
const CORES: usize = 2;

#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
fn main() -> Result<()> {
    let args = Args::parse();
    let programs = args.programs()?;
    let cores = machine::stay_on_cores(CORES)?;
    let dir = env::temp_dir().join(format!("tierlift-bench-lambda-{}", process::id()));
    fs::create_dir(&dir).with_context(|| dir.display().to_string())?;
    let machine = Machine::look(&dir, cores)?;
    let measured = measure(&programs, &dir, &args.scale());
    fs::remove_dir_all(&dir)?;
    let (functions, item_bytes_max) = measured?;
    let report = Report { machine, functions, item_bytes_max };
    args.common.write(&report)?;
    println!("{}", report.markdown());
    Ok(())
}

/// Each job goes over both programs before the next, so that a slow minute of the machine meets both.
#[expect(clippy::print_stderr, reason = "a run takes a minute and says where it is")]
fn measure(programs: &[Program], dir: &Path, scale: &Scale) -> Result<(Vec<Figures>, Counts)> {
    let places: Result<Vec<_>> = programs.iter().map(|program| Place::new(dir, program)).collect();
    let places = places?;
    let mut all = Vec::new();
    for job in Job::ALL {
        for (program, place) in programs.iter().zip(&places) {
            if !program.has(job) {
                continue;
            }
            let what = format!("{}: {}", job.name(), program.name());
            eprintln!("{what}");
            all.push(measure::job(program, job, place, scale).context(what)?);
        }
    }
    let ours = places.first().map(|place| place.cloud.item_bytes_max());
    Ok((all, ours.unwrap_or_default()))
}
