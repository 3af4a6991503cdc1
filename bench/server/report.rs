//! The figures as a table for the README, and as JSON.
//!
//! It refuses to round a miss into a hit: a target is shown beside each figure, not judged.

use std::fmt::Write as _;

use serde::Serialize;

use tierlift_bench::{machine::Machine, stats::figure};

use crate::phase::{fan_out::FanOut, load::Load, read::RoleReads, stage::Rates};

/// Everything measured of one server.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) name: &'static str,
    #[serde(flatten)]
    pub(crate) loads: Loads,
    pub(crate) reads: RoleReads,
    pub(crate) fan_out: FanOut,
    pub(crate) idle_kib_per_socket: f64,
    pub(crate) start_ms: f64,
    pub(crate) stage: Rates,
}

/// The runs of load.
#[derive(Debug, Serialize)]
pub(crate) struct Loads {
    /// As many as the server does.
    pub(crate) closed: Load,
    /// 1,000 a second.
    pub(crate) open_1000: Load,
    /// 8,000 a second.
    pub(crate) open_8000: Load,
}

/// Everything measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) servers: Vec<Figures>,
}

type Read = fn(&Figures) -> f64;
type Show = fn(f64) -> String;

struct Row(&'static str, &'static str, Read, Show);

const ROWS: &[Row] = &[
    Row(
        "**Closed loop, 64 connections**: upgrades/s",
        "≥ 6×, goal 8×",
        |f| f.loads.closed.upgrades_per_sec,
        count,
    ),
    Row("server CPU per event", "≤ 80 µs", |f| f.loads.closed.cpu_us_per_event(), micros),
    Row("… of it in user code", "", |f| f.loads.closed.cpu.user, micros),
    Row("… of it in the kernel", "", |f| f.loads.closed.cpu.sys, micros),
    Row("ack p50", "", |f| f.loads.closed.ack.p50_us, time),
    Row("ack p99", "", |f| f.loads.closed.ack.p99_us, time),
    Row("notice p50", "", |f| f.loads.closed.notice.p50_us, time),
    Row("notice p99", "", |f| f.loads.closed.notice.p99_us, time),
    Row("resident memory after", "", |f| f.loads.closed.resident_mib, mebibytes),
    Row("**Open loop, 1,000/s**: ack p50", "", |f| f.loads.open_1000.ack.p50_us, time),
    Row("ack p99", "", |f| f.loads.open_1000.ack.p99_us, time),
    Row("notice p50", "≤ 1 ms", |f| f.loads.open_1000.notice.p50_us, time),
    Row("notice p99", "≤ 3 ms", |f| f.loads.open_1000.notice.p99_us, time),
    Row("server CPU per event", "", |f| f.loads.open_1000.cpu_us_per_event(), micros),
    Row("**Open loop, 8,000/s**: ack p50", "", |f| f.loads.open_8000.ack.p50_us, time),
    Row("ack p99", "", |f| f.loads.open_8000.ack.p99_us, time),
    Row("notice p50", "", |f| f.loads.open_8000.notice.p50_us, time),
    Row("notice p99", "≤ 10 ms", |f| f.loads.open_8000.notice.p99_us, time),
    Row("server CPU per event", "", |f| f.loads.open_8000.cpu_us_per_event(), micros),
    Row("events not done in time", "0", |f| figure(f.loads.open_8000.unfinished()), count),
    Row(
        "**Role reads beside 1,000 upgrades/s**: `GET /v1/users/{id}` per second",
        "≥ 50,000",
        |f| f.reads.user.per_sec,
        count,
    ),
    Row("p50", "", |f| f.reads.user.latency.p50_us, time),
    Row("p99", "≤ 1 ms", |f| f.reads.user.latency.p99_us, time),
    Row("notice p99 meanwhile", "", |f| f.reads.user.notice.p99_us, time),
    Row("`GET /authorize` per second", "≥ 50,000", |f| f.reads.authorize.per_sec, count),
    Row("p50", "", |f| f.reads.authorize.latency.p50_us, time),
    Row("p99", "≤ 1 ms", |f| f.reads.authorize.latency.p99_us, time),
    Row("notice p99 meanwhile", "", |f| f.reads.authorize.notice.p99_us, time),
    Row(
        "**Verify and parse** the event, per second of one core",
        "≥ 250,000",
        |f| f.stage.event_per_sec,
        count,
    ),
    Row("at ingest: verify and read its head", "", |f| f.stage.ingest_per_sec, count),
    Row("**Idle socket**, resident", "≤ 12 KiB", |f| f.idle_kib_per_socket, kibibytes),
    Row("**One event for all sockets**: sockets", "50,000", |f| figure(f.fan_out.sockets), count),
    Row("half of them notified after", "", |f| f.fan_out.half_us, time),
    Row("all of them notified after", "≤ 1 s", |f| f.fan_out.all_us, time),
    Row("**Start** to first accepted webhook", "≤ 50 ms", |f| f.start_ms, millis),
];

impl Report {
    /// The one table, then what it was taken on, then where the time goes.
    pub(crate) fn markdown(&self) -> String {
        let mut out = String::new();
        self.write_table(&mut out);
        self.write_machine(&mut out);
        for server in &self.servers {
            write_checks(&mut out, server);
            write_stages(&mut out, server);
        }
        out
    }

    fn write_table(&self, out: &mut String) {
        let names: Vec<_> = self.servers.iter().map(|server| server.name).collect();
        push(out, format_args!("| | target | {} | ratio |", names.join(" | ")));
        push(out, format_args!("| --- | --- |{} --: |", " --: |".repeat(names.len())));
        for Row(name, target, read, show) in ROWS {
            let figures: Vec<_> = self.servers.iter().map(read).collect();
            let shown: Vec<_> = figures.iter().map(|figure| show(*figure)).collect();
            push(
                out,
                format_args!("| {name} | {target} | {} | {} |", shown.join(" | "), ratio(&figures)),
            );
        }
    }

    fn write_machine(&self, out: &mut String) {
        let Machine { cpu, cores_used, cores, kernel, filesystem, fsync_p50_us, load_before } =
            &self.machine;
        let (before, after) = fsync_p50_us;
        push(
            out,
            format_args!(
                "\nOn {cores_used} of {cores} cores of {cpu}, Linux {kernel}, {filesystem}, one \
                 fsync {before} µs before and {after} µs after (p50), load before {load_before}. Generator and \
                 server share the cores; every 200 and every notice is after its fsync."
            ),
        );
    }
}

fn write_checks(out: &mut String, server: &Figures) {
    push(out, format_args!("\n{}: what the runs were", server.name));
    for (name, load) in loads(server) {
        push(
            out,
            format_args!(
                "- {name}: {} events, {} noticed, {} refused, {} wrong, {} unfinished; {}/s; \
                 generator {} of CPU per event",
                load.counts.events,
                load.counts.noticed,
                load.counts.refused,
                load.counts.wrong,
                load.unfinished(),
                count(load.upgrades_per_sec),
                micros(load.cpu.generator),
            ),
        );
    }
}

fn write_stages(out: &mut String, server: &Figures) {
    for (name, load) in loads(server) {
        if load.stages.is_empty() {
            continue;
        }
        push(out, format_args!("\n{}, {name}: where the time goes, by its own clock", server.name));
        push(out, format_args!("| stage | count | mean | p50 | p99 |"));
        push(out, format_args!("| --- | --: | --: | --: | --: |"));
        for stage in &load.stages {
            let quantile = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), time);
            push(
                out,
                format_args!(
                    "| {} | {} | {} | {} | {} |",
                    stage.name,
                    count(stage.count),
                    time(stage.mean_us),
                    quantile(stage.p50_us),
                    quantile(stage.p99_us)
                ),
            );
        }
    }
}

fn loads(server: &Figures) -> [(&'static str, &Load); 3] {
    [
        ("closed loop", &server.loads.closed),
        ("open loop 1,000/s", &server.loads.open_1000),
        ("open loop 8,000/s", &server.loads.open_8000),
    ]
}

fn push(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{line}");
}

/// How many times the first is the second.
fn ratio(figures: &[f64]) -> String {
    match figures {
        [ours, theirs] if *theirs > 0.0 => format!("{:.2}×", ours / theirs),
        _ => "–".to_owned(),
    }
}

/// Thousands are parted by commas.
fn count(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

fn micros(us: f64) -> String {
    format!("{us:.0} µs")
}

fn time(us: f64) -> String {
    match us {
        us if us < 1e3 => micros(us),
        us if us < 1e6 => millis(us / 1e3),
        us => format!("{:.1} s", us / 1e6),
    }
}

fn millis(ms: f64) -> String {
    format!("{ms:.1} ms")
}

fn kibibytes(kib: f64) -> String {
    format!("{kib:.1} KiB")
}

fn mebibytes(mib: f64) -> String {
    format!("{mib:.0} MiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_shown_for_people() {
        for (figure, shown) in
            [(7.0, "7"), (999.4, "999"), (17_800.0, "17,800"), (1e6, "1,000,000")]
        {
            assert_eq!(count(figure), shown);
        }
        for (us, shown) in [(412.0, "412 µs"), (2_540.0, "2.5 ms"), (4_200_000.0, "4.2 s")] {
            assert_eq!(time(us), shown);
        }
        assert_eq!(ratio(&[12.0, 2.0]), "6.00×");
        assert_eq!(ratio(&[12.0]), "–");
    }
}
