//! Measures tierlift beside a stock peer: the same job, as durable, the same two cores, in
//! one run.
//!
//! It prints one table, and where each server says its time goes. It refuses to judge: nothing here
//! fails because a figure is slow, only because a server did the job wrong or not at all.

mod args;
mod drive;
mod fleet;
mod metrics;
mod phase;
mod plan;
mod report;
mod server;
mod socket;

use anyhow::{Context as _, Result};
use clap::Parser as _;

use tierlift_bench::machine::{self, Machine};

use crate::{
    args::{Args, Scale},
    phase::{fan_out, idle, load, load::Load, read, stage, start},
    report::{Figures, Loads, Report},
    server::Program,
};

/// Cores that the server and the generator share.
const CORES: usize = 2;
/// Idle sockets, and room for everything else.
const FILES_NEEDED: u64 = 12_000;
/// All sockets that a server may have, and the same room.
const FILES_WANTED: u64 = 52_000;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
fn main() -> Result<()> {
    let args = Args::parse();
    let programs = args.programs();
    programs.iter().try_for_each(Program::check)?;
    let cores = machine::stay_on_cores(CORES)?;
    let files = machine::raise_file_limit(FILES_NEEDED, FILES_WANTED)?;
    let mut machine = Machine::look(&args.dir, cores)?;
    let servers = measure(&args, &programs, files)?;
    machine.look_again(&args.dir)?;
    let report = Report { machine, servers };
    args.common.write(&report)?;
    println!("{}", report.markdown());
    Ok(())
}

/// Each phase goes over all servers before the next, so that a slow minute of the machine meets all.
fn measure(args: &Args, programs: &[Program], files: u64) -> Result<Vec<Figures>> {
    let (dir, scale) = (args.dir.as_path(), args.scale().within(files));
    let start_ms = each("start", programs, |p| start::measure(p, dir, &scale))?;
    let stages = each("verify and parse", programs, |p| stage::measure(p, dir, &scale))?;
    let closed = closed(args, programs, &scale)?;
    let open_1000 = each("open loop 1,000/s", programs, |p| load::open(p, dir, &scale, 1_000))?;
    let open_8000 = each("open loop 8,000/s", programs, |p| load::open(p, dir, &scale, 8_000))?;
    let reads = each("role reads", programs, |p| read::measure(p, dir, &scale))?;
    let idle = each("idle sockets", programs, |p| idle::measure(p, dir, &scale))?;
    let fan_outs = each("one event for all", programs, |p| fan_out::measure(p, dir, &scale))?;
    let all = programs.iter().zip(closed).zip(open_1000).zip(open_8000);
    let rest = idle.into_iter().zip(start_ms).zip(stages).zip(reads).zip(fan_outs);
    let figures = all.zip(rest).map(
        |(
            (((program, closed), open_1000), open_8000),
            ((((idle, start_ms), stage), reads), fan_out),
        )| {
            Figures {
                name: program.name(),
                loads: Loads { closed, open_1000, open_8000 },
                reads,
                fan_out,
                idle_kib_per_socket: idle,
                start_ms,
                stage,
            }
        },
    );
    Ok(figures.collect())
}

/// Of several rounds, each over all servers, each server's median one.
fn closed(args: &Args, programs: &[Program], scale: &Scale) -> Result<Vec<Load>> {
    let mut rounds: Vec<Vec<Load>> = programs.iter().map(|_| Vec::new()).collect();
    for round in 1..=scale.rounds {
        let name = format!("closed loop, round {round}");
        let loads = each(&name, programs, |p| load::closed(p, &args.dir, scale))?;
        rounds.iter_mut().zip(loads).for_each(|(of, load)| of.push(load));
    }
    let median = |mut of: Vec<Load>| {
        of.sort_by(|a, b| a.upgrades_per_sec.total_cmp(&b.upgrades_per_sec));
        let middle = of.len() / 2;
        of.into_iter().nth(middle).context("there was no round")
    };
    rounds.into_iter().map(median).collect()
}

#[expect(clippy::print_stderr, reason = "a run takes minutes and says where it is")]
fn each<T>(
    phase: &str,
    programs: &[Program],
    measure: impl Fn(&Program) -> Result<T>,
) -> Result<Vec<T>> {
    let measured = programs.iter().map(|program| {
        eprintln!("{phase}: {}", program.name());
        measure(program).with_context(|| format!("{phase}: {}", program.name()))
    });
    measured.collect()
}
