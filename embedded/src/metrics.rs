//! Metrics of this process as Prometheus text, with one recorder for all servers of the process. It
//! measures nothing itself.

use std::{sync::OnceLock, time::Duration};

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tierlift_core::limits::METRICS_INTERVAL_SECS;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use crate::stop::stopped;

/// Upper bounds of the histograms' buckets, in seconds: from a fast fsync to longer than Stripe waits.
const BUCKETS_SECS: &[f64] = &[
    0.000_1, 0.000_2, 0.000_3, 0.000_5, 0.000_75, 0.001, 0.001_5, 0.002, 0.003, 0.005, 0.007_5,
    0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0,
];

/// The process's recorder; the first call installs it. If the host has installed a recorder of its own,
/// the metrics go there and this one stays empty.
pub(crate) fn handle() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(install).clone()
}

fn install() -> PrometheusHandle {
    let builder = PrometheusBuilder::new();
    // This fails only for an empty list.
    let seconds = Matcher::Suffix("_seconds".to_owned());
    let builder = builder
        .set_buckets_for_metric(seconds, BUCKETS_SECS)
        .unwrap_or_else(|_| PrometheusBuilder::new());
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_ok() {
        describe();
    } else {
        tracing::warn!("the host's metrics recorder is in use, GET /metrics is empty");
    }
    handle
}

/// Aggregates recorded values until `stop` is true, so that they take no memory between two scrapes.
pub(crate) async fn aggregate(handle: PrometheusHandle, mut stop: watch::Receiver<bool>) {
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
    for (name, description) in [
        ("tierlift_webhooks_total", "Webhooks by their response"),
        ("tierlift_ignored_total", "Webhooks that bear on no access, by the reason"),
        ("tierlift_events_total", "Queued events by their outcome"),
        (
            "tierlift_ambiguous_total",
            "Events that left a subscription ambiguous until another arrives",
        ),
        ("tierlift_parked_total", "Dead letters by their cause"),
        ("tierlift_role_changes_total", "Committed role changes by direction"),
        ("tierlift_unreadable_total", "Queued messages that could not be read, parked or left out"),
        ("tierlift_notices_total", "Notices by their result, one for each socket"),
        ("tierlift_sockets_closed_total", "Closed sockets by their reason"),
        ("tierlift_connections_shed_total", "Connections for which there was no room"),
        ("tierlift_log_lines_dropped_total", "Log lines that nobody read from stderr in time"),
    ] {
        describe_counter!(name, Unit::Count, description);
    }
    for (name, description) in [
        ("tierlift_queue_depth", "Messages that are not applied yet"),
        ("tierlift_dead_letters", "Messages that could not be applied"),
        ("tierlift_queue_oldest_age_seconds", "Age of the oldest message that is not applied yet"),
        ("tierlift_outgoing_webhooks_pending", "Webhooks that the host has not accepted yet"),
        ("tierlift_outgoing_webhooks_dead", "Webhooks to the host that were tried for too long"),
        ("tierlift_outgoing_webhooks_oldest_age_seconds", "Age of the oldest that is pending"),
        ("tierlift_sockets", "Live sockets"),
        ("tierlift_connections", "Open HTTP connections, without sockets"),
        ("tierlift_inflight_bytes", "Bytes of requests that are not answered"),
        ("tierlift_wal_bytes", "Size of the log beside the data file"),
        (
            "tierlift_checkpoint_age_seconds",
            "Time for which the data file has not held everything by itself",
        ),
        ("tierlift_disk_free_bytes", "Space that is left on the data file's disk"),
        ("tierlift_waiting", "Things that were paid for and have no owner"),
        ("tierlift_waiting_oldest_age_seconds", "Age of the oldest of them"),
    ] {
        describe_gauge!(name, description);
    }
    for (name, description) in [
        (
            "tierlift_ack_seconds",
            "From a webhook's head to its response, the queue's fsync included",
        ),
        ("tierlift_queue_to_commit_seconds", "From a webhook's arrival to its commit"),
        ("tierlift_webhook_to_socket_seconds", "From a webhook's arrival to its notice"),
    ] {
        describe_histogram!(name, Unit::Seconds, description);
    }
}
