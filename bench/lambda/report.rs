//! The figures as a table, and as JSON.
//!
//! It refuses to round a miss into a hit: a target is shown above the figures, not judged.

use serde::Serialize;

use tierlift_bench::machine::Machine;

use crate::{cloud::Counts, measure::Figures};

/// Everything measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) functions: Vec<Figures>,
    /// The largest items that tierlift wrote, by kind.
    pub(crate) item_bytes_max: Counts,
}

const HEAD: &str = "\
| function | of | ready | sooner than the peer | first invocation | warm | peak memory | program | zip | requests to AWS for each | once | logged for each |
| --- | --- | --: | --: | --: | --: | --: | --: | --: | --- | --- | --: |
| *target* | | ≤ 15 ms | ≥ 35× | | | ≤ 16 MB | | ≤ 4 MB | ingest 1, worker ≤ 2, notifier 1 + 1 a socket | | |
";

impl Report {
    pub(crate) fn markdown(&self) -> String {
        let rows: String = self.functions.iter().map(|figures| self.row(figures)).collect();
        let Machine { cpu, cores_used, cores, kernel, load_before, .. } = &self.machine;
        format!(
            "{HEAD}{rows}\nOn {cores_used} of {cores} cores of {cpu}, Linux {kernel}, load before \
             {load_before}. Medians; peak memory is the highest seen. AWS is a stand-in on \
             127.0.0.1 without TLS that answers at once: these are the functions' own costs, \
             and Lambda, the network and AWS come on top. Largest items written, in bytes: {}.",
            requests(&self.item_bytes_max),
        )
    }

    fn row(&self, figures: &Figures) -> String {
        let Figures { program, job, ready_ms, first_ms, warm_ms, .. } = figures;
        format!(
            "| {job} | {program} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            millis(*ready_ms),
            self.sooner(figures),
            millis(*first_ms),
            millis(*warm_ms),
            megabytes(figures.memory_peak_bytes),
            megabytes(figures.size.plain_bytes),
            megabytes(figures.size.zipped_bytes),
            requests(&figures.asked_warm),
            requests(&figures.asked_once),
            megabytes(figures.logged_warm_bytes),
        )
    }

    /// How many times the peer's start takes ours.
    fn sooner(&self, ours: &Figures) -> String {
        let mut same = self.functions.iter().filter(|other| other.job == ours.job);
        let theirs = same.find(|other| other.program != ours.program);
        match theirs {
            Some(theirs) if ours.program == "tierlift" => {
                format!("{:.0}×", (theirs.ready_ms / ours.ready_ms).floor())
            }
            _ => String::new(),
        }
    }
}

fn requests(asked: &Counts) -> String {
    let shown: Vec<_> = asked.iter().map(|(name, count)| format!("{count} {name}")).collect();
    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
}

fn millis(ms: f64) -> String {
    match ms {
        ms if ms < 1.0 => format!("{:.0} µs", ms * 1e3),
        ms if ms < 100.0 => format!("{ms:.1} ms"),
        ms => format!("{ms:.0} ms"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "no function has 2^53 bytes")]
fn megabytes(bytes: u64) -> String {
    let mb = bytes as f64 / 1e6;
    if mb < 0.1 { format!("{:.1} kB", bytes as f64 / 1e3) } else { format!("{mb:.1} MB") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_shown_for_people() {
        for (ms, shown) in [(0.43, "430 µs"), (9.96, "10.0 ms"), (412.4, "412 ms")] {
            assert_eq!(millis(ms), shown);
        }
        for (bytes, shown) in [(3_210_000, "3.2 MB"), (4_100, "4.1 kB")] {
            assert_eq!(megabytes(bytes), shown);
        }
        let asked = Counts::from([("Query".to_owned(), 1), ("PostToConnection".to_owned(), 2)]);
        assert_eq!(requests(&asked), "2 PostToConnection, 1 Query");
        assert_eq!(requests(&Counts::new()), "none");
    }
}
