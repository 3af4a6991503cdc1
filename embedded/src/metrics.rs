//! Metrics of this process, as Prometheus text. One recorder for all servers of the process.

use std::{sync::OnceLock, time::Duration};

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tierlift_core::limits::METRICS_INTERVAL_SECS;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use crate::stop::stopped;

/// Upper bounds of the histograms' buckets, in seconds: from a fast fsync to Stripe's patience.
const BUCKETS_SECS: &[f64] = &[
    0.000_1, 0.000_2, 0.000_3, 0.000_5, 0.000_75, 0.001, 0.001_5, 0.002, 0.003, 0.005, 0.007_5,
    0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0,
];

/// The process's recorder, installed by whoever asks first. Where the host has installed one of its
/// own, the metrics go there, and this one stays empty.
pub(crate) fn handle() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(install).clone()
}

fn install() -> PrometheusHandle {
    let builder = PrometheusBuilder::new();
    // Fails for an empty list alone.
    let seconds = Matcher::Suffix("_seconds".to_owned());
    let builder = builder
        .set_buckets_for_metric(seconds, BUCKETS_SECS)
        .unwrap_or_else(|_| PrometheusBuilder::new());
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_ok() {
        describe();
    } else {
        tracing::warn!("metrics go to the host's recorder; GET /metrics has none");
    }
    handle
}

/// Gathers what was recorded until `stop` is true, so that it takes no memory while nobody asks.
pub(crate) async fn keep_up(handle: PrometheusHandle, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval(Duration::from_secs(METRICS_INTERVAL_SECS));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopped(&mut stop) => return,
            _ = ticks.tick() => handle.run_upkeep(),
        }
    }
}

fn describe() {
    for (name, words) in [
        ("tierlift_webhooks_total", "Webhooks by what they were answered"),
        ("tierlift_events_total", "Queued events by what became of them"),
        ("tierlift_ambiguous_total", "Events whose second is not settled until another arrives"),
        ("tierlift_parked_total", "Dead letters by their cause"),
        ("tierlift_role_changes_total", "Committed role changes by direction"),
        ("tierlift_notices_total", "Notices by what became of them, one for each socket"),
        ("tierlift_sockets_closed_total", "Sockets that ended, by why"),
    ] {
        describe_counter!(name, Unit::Count, words);
    }
    for (name, words) in [
        ("tierlift_queue_depth", "Messages that are not applied yet"),
        ("tierlift_dead_letters", "Messages that could not be applied"),
        ("tierlift_queue_oldest_age_seconds", "Age of the oldest message that is not applied yet"),
        ("tierlift_sockets", "Live sockets"),
    ] {
        describe_gauge!(name, words);
    }
    for (name, words) in [
        ("tierlift_ack_seconds", "From a webhook's head to its answer, the queue's fsync included"),
        ("tierlift_queue_to_commit_seconds", "From a webhook's arrival to its commit"),
        ("tierlift_webhook_to_socket_seconds", "From a webhook's arrival to its notice"),
    ] {
        describe_histogram!(name, Unit::Seconds, words);
    }
}
