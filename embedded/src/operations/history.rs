//! The last half hour in numbers, for the console's charts: a sample every few seconds, made of the process's own
//! metrics and of the queue. It is kept in memory only, and is no substitute for a monitoring system.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tierlift_core::{
    limits::{HISTORY_INTERVAL_SECS, HISTORY_SAMPLES_MAX},
    ports::DeadLetters as _,
    time::Clock,
};
use tierlift_operations::Traffic;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use crate::{db::Db, sockets::Registry, stop::stopped};

/// Samples of the last minute.
const SAMPLES_PER_MINUTE: usize = (60 / HISTORY_INTERVAL_SECS) as usize;

/// What happened in one interval, and how things stood at its end.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sample {
    /// The end of the interval.
    at: String,
    /// Webhooks that were answered.
    webhooks: u64,
    /// Events that were applied.
    applied: u64,
    /// Role changes that were committed.
    role_changes: u64,
    /// Time from arrival to commit that 99 % of the events did not exceed, rounded up to a bucket of the metric;
    /// nothing without an event.
    lag_secs: Option<f64>,
    /// Messages that are not applied yet.
    queued: u64,
    /// Dead letters.
    dead_letters: u64,
    /// Live sockets.
    sockets: usize,
}

/// The samples, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct History(Arc<Mutex<VecDeque<Sample>>>);

/// The samples and the time between two of them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Samples {
    interval_secs: u64,
    samples: Vec<Sample>,
}

impl History {
    /// What happened in the last minute.
    pub(super) fn traffic(&self) -> Traffic {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = samples.iter().rev().take(SAMPLES_PER_MINUTE);
        let lags = minute.clone().filter_map(|sample| sample.lag_secs);
        Traffic {
            webhooks: (!samples.is_empty()).then(|| minute.map(|sample| sample.webhooks).sum()),
            lag_secs: lags.max_by(f64::total_cmp),
        }
    }

    pub(super) fn samples(&self) -> Samples {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Samples { interval_secs: HISTORY_INTERVAL_SECS, samples: samples.iter().cloned().collect() }
    }

    fn add(&self, sample: Sample) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() == HISTORY_SAMPLES_MAX {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    /// Adds a sample in each interval until `stop` is true.
    pub(crate) async fn fill(
        self,
        (db, sockets, clock): (Db, Registry, Clock),
        metrics: PrometheusHandle,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut ticks = interval(Duration::from_secs(HISTORY_INTERVAL_SECS));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = Totals::read(&metrics.render());
        loop {
            tokio::select! {
                () = stopped(&mut stop) => return,
                _ = ticks.tick() => {}
            }
            let Ok(depth) = db.depth().await else { continue };
            let totals = Totals::read(&metrics.render());
            self.add(Sample {
                at: clock.now().to_string(),
                webhooks: totals.webhooks.saturating_sub(before.webhooks),
                applied: totals.applied.saturating_sub(before.applied),
                role_changes: totals.role_changes.saturating_sub(before.role_changes),
                lag_secs: totals.lag_since(&before),
                queued: depth.queued,
                dead_letters: depth.dead,
                sockets: sockets.len(),
            });
            before = totals;
        }
    }
}

/// The counters of the process so far.
#[derive(Debug, Default, PartialEq)]
struct Totals {
    webhooks: u64,
    applied: u64,
    role_changes: u64,
    /// Upper bounds of the lag's buckets, in seconds, each with the number of events that did not exceed it.
    lags: Vec<(f64, u64)>,
}

impl Totals {
    /// Reads the metrics as they are scraped. What is not there counts nothing.
    fn read(text: &str) -> Self {
        let mut totals = Self::default();
        for line in text.lines() {
            let Some((name, value)) = line.rsplit_once(' ') else { continue };
            let value = || value.parse().unwrap_or(0);
            if name.starts_with("tierlift_webhooks_total") {
                totals.webhooks += value();
            } else if name.starts_with("tierlift_events_total") {
                totals.applied += value();
            } else if name.starts_with("tierlift_role_changes_total") {
                totals.role_changes += value();
            } else if let Some(labels) =
                name.strip_prefix("tierlift_queue_to_commit_seconds_bucket")
            {
                let bound = labels.split("le=\"").nth(1).and_then(|rest| rest.split('"').next());
                if let Some(Ok(bound)) = bound.map(str::parse::<f64>) {
                    totals.lags.push((bound, value()));
                }
            }
        }
        totals
    }

    /// The bound that 99 % of the events since then did not exceed.
    fn lag_since(&self, before: &Self) -> Option<f64> {
        let known = |bound: f64| {
            let same = before.lags.iter().find(|(known, _)| known.total_cmp(&bound).is_eq());
            same.map_or(0, |(_, count)| *count)
        };
        let since =
            self.lags.iter().map(|(bound, count)| (*bound, count.saturating_sub(known(*bound))));
        let since: Vec<_> = since.collect();
        let (_, all) = since.last().copied()?;
        let reached = since.iter().find(|(_, count)| all > 0 && count * 100 >= all * 99);
        reached.map(|(bound, _)| *bound).filter(|bound| bound.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_read_from_the_metrics_and_compared() {
        let text = |events: u64, fast: u64, all: u64| {
            format!(
                "# TYPE tierlift_events_total counter\n\
                 tierlift_webhooks_total{{result=\"accepted\",code=\"ok\"}} {all}\n\
                 tierlift_events_total{{outcome=\"applied\"}} {events}\n\
                 tierlift_events_total{{outcome=\"stale\"}} 1\n\
                 tierlift_role_changes_total{{direction=\"up\"}} 2\n\
                 tierlift_queue_to_commit_seconds_bucket{{le=\"0.01\"}} {fast}\n\
                 tierlift_queue_to_commit_seconds_bucket{{le=\"0.5\"}} {all}\n\
                 tierlift_queue_to_commit_seconds_bucket{{le=\"+Inf\"}} {all}\n"
            )
        };
        let before = Totals::read(&text(10, 10, 10));
        assert_eq!((before.applied, before.role_changes), (11, 2));
        assert_eq!(before.lag_since(&before), None);
        assert_eq!(Totals::read("").lag_since(&before), None);
        assert_eq!(Totals::read(&text(110, 109, 110)).lag_since(&before), Some(0.01));
        assert_eq!(Totals::read(&text(110, 108, 110)).lag_since(&before), Some(0.5));
        assert_eq!(before.lag_since(&Totals::default()), Some(0.01));
    }

    #[test]
    fn the_oldest_sample_makes_room_for_the_newest() {
        let history = History::default();
        for number in 0..HISTORY_SAMPLES_MAX as u64 + 3 {
            let at = String::new();
            let (lag_secs, queued, dead_letters, sockets) = (None, 0, 0, 0);
            let (role_changes, webhooks) = (0, 2);
            history.add(Sample {
                at,
                webhooks,
                applied: number,
                role_changes,
                lag_secs,
                queued,
                dead_letters,
                sockets,
            });
        }
        let minute = history.traffic();
        assert_eq!((minute.webhooks, minute.lag_secs), (Some(24), None));
        let samples = history.samples().samples;
        assert_eq!((samples.len(), samples[0].applied), (HISTORY_SAMPLES_MAX, 3));
    }
}
