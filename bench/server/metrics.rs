//! Reads a server's own histograms from its `/metrics`: where the time goes, as it saw it.
//!
//! It understands Prometheus' text: summaries by their quantiles, histograms by their buckets. It
//! refuses to guess between two buckets: a quantile is the upper bound of the bucket it falls in.

use std::{collections::BTreeMap, net::SocketAddr};

use anyhow::{Result, ensure};
use serde::Serialize;

use tierlift_bench::http;

/// One duration that a server measures, in microseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) count: f64,
    pub(crate) mean_us: f64,
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
}

/// Asks a server for its metrics; an empty page if it has none.
pub(crate) fn scrape(address: SocketAddr) -> Result<String> {
    let mut stream = http::connect(address)?;
    let request = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    let (status, body) = http::call(&mut stream, request)?;
    if status == 404 {
        return Ok(String::new());
    }
    ensure!(status == 200, "/metrics answered {status}");
    Ok(String::from_utf8(body)?)
}

#[derive(Default)]
struct Raw {
    sum: f64,
    count: f64,
    quantiles: Vec<(f64, f64)>,
    buckets: Vec<(f64, f64)>,
}

/// The durations that were measured between two pages. A told quantile is of all since the start.
pub(crate) fn stages(before: &str, after: &str) -> Vec<Stage> {
    let mut raw: BTreeMap<String, Raw> = BTreeMap::new();
    for (page, sign) in [(before, -1.0), (after, 1.0)] {
        for sample in page.lines().filter_map(Sample::parse) {
            sample.add_to(&mut raw, sign);
        }
    }
    let measured = raw.into_iter().filter(|(_, raw)| raw.count > 0.0);
    measured.map(|(name, raw)| raw.stage(name)).collect()
}

struct Sample<'a> {
    name: &'a str,
    labels: &'a str,
    value: f64,
}

impl<'a> Sample<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (left, value) = line.rsplit_once(' ')?;
        let (name, labels) = left.split_once('{').unwrap_or((left, ""));
        if name.starts_with('#') {
            return None;
        }
        Some(Self { name, labels: labels.trim_end_matches('}'), value: value.parse().ok()? })
    }

    fn label(&self, name: &str) -> Option<f64> {
        let mut labels = self.labels.split(',').filter_map(|label| label.split_once('='));
        let (_, value) = labels.find(|(key, _)| *key == name)?;
        value.trim_matches('"').parse().ok()
    }

    fn add_to(&self, raw: &mut BTreeMap<String, Raw>, sign: f64) {
        let Some(end) = self.name.find("_seconds").map(|at| at + "_seconds".len()) else { return };
        let (name, part) = self.name.split_at(end);
        let stage = raw.entry(name.to_owned()).or_default();
        let value = sign * self.value;
        match part {
            "_sum" => stage.sum += value,
            "_count" => stage.count += value,
            "_bucket" => stage.buckets.extend(self.label("le").map(|le| (le, value))),
            "" if sign > 0.0 => {
                stage.quantiles.extend(self.label("quantile").map(|q| (q, value)));
            }
            _ => {}
        }
    }
}

impl Raw {
    fn stage(self, name: String) -> Stage {
        let quantile = |q| self.bucketed(q).or_else(|| self.told(q)).map(|secs: f64| secs * 1e6);
        let (p50_us, p99_us) = (quantile(0.5), quantile(0.99));
        Stage { name, count: self.count, mean_us: self.sum / self.count * 1e6, p50_us, p99_us }
    }

    fn told(&self, q: f64) -> Option<f64> {
        let named = self.quantiles.iter().filter(|(name, _)| (name - q).abs() < 1e-9);
        named.map(|(_, value)| *value).reduce(f64::max)
    }

    /// Series with other labels share their bounds; their counts are added, and earlier ones taken off.
    fn bucketed(&self, q: f64) -> Option<f64> {
        let mut bounds: Vec<f64> = self.buckets.iter().map(|(le, _)| *le).collect();
        bounds.sort_unstable_by(f64::total_cmp);
        bounds.dedup();
        let below = |bound: f64| -> f64 {
            self.buckets.iter().filter(|(le, _)| le.total_cmp(&bound).is_eq()).map(|b| b.1).sum()
        };
        bounds.into_iter().find(|bound| below(*bound) >= q * self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &str, text: &str, [mean_us, p50_us, p99_us]: [f64; 3]) {
        let stages = stages(before, text);
        assert_eq!(stages.len(), 1, "{stages:?}");
        let close = |a: f64, b: f64| (a - b).abs() < 1e-6;
        assert!(close(stages[0].mean_us, mean_us), "{stages:?}");
        assert!(close(stages[0].p50_us.unwrap(), p50_us), "{stages:?}");
        assert!(close(stages[0].p99_us.unwrap(), p99_us), "{stages:?}");
        assert_eq!(stages[0].name, "tierlift_ack_seconds");
    }

    #[test]
    fn summaries_and_histograms_are_both_read() {
        let summary = "# TYPE tierlift_ack_seconds summary\n\
             tierlift_ack_seconds{quantile=\"0.5\"} 0.002\n\
             tierlift_ack_seconds{quantile=\"0.99\"} 0.004\n\
             tierlift_ack_seconds_sum 0.02\ntierlift_ack_seconds_count 10\n\
             tierlift_sockets 7\n";
        check("", summary, [2_000.0, 2_000.0, 4_000.0]);
        let histogram = "tierlift_ack_seconds_bucket{code=\"a\",le=\"0.001\"} 6\n\
             tierlift_ack_seconds_bucket{code=\"a\",le=\"0.01\"} 9\n\
             tierlift_ack_seconds_bucket{code=\"a\",le=\"+Inf\"} 9\n\
             tierlift_ack_seconds_bucket{code=\"b\",le=\"0.001\"} 0\n\
             tierlift_ack_seconds_bucket{code=\"b\",le=\"0.01\"} 1\n\
             tierlift_ack_seconds_bucket{code=\"b\",le=\"+Inf\"} 1\n\
             tierlift_ack_seconds_sum 0.03\ntierlift_ack_seconds_count{code=\"a\"} 9\n\
             tierlift_ack_seconds_count{code=\"b\"} 1\n";
        check("", histogram, [3_000.0, 1_000.0, 10_000.0]);
        let before = "tierlift_ack_seconds_bucket{code=\"a\",le=\"0.001\"} 5\n\
             tierlift_ack_seconds_bucket{code=\"a\",le=\"0.01\"} 5\n\
             tierlift_ack_seconds_bucket{code=\"a\",le=\"+Inf\"} 5\n\
             tierlift_ack_seconds_sum 0.005\ntierlift_ack_seconds_count{code=\"a\"} 5\n";
        check(before, histogram, [5_000.0, 10_000.0, 10_000.0]);
        assert!(stages("", "nonsense\n# HELP x_seconds y\n").is_empty());
    }
}
