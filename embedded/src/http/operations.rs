//! `GET /healthz`, `GET /readyz` and `GET /metrics`, for operators. None shows anything about a user.
//!
//! `/healthz` says whether the process lives: restarting it helps if it does not. `/readyz` says whether it does
//! its work, and what keeps it from that.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tierlift_core::{
    codes::Code,
    limits::{DISK_FREE_BYTES_MIN, QUEUE_STALLED_AFTER_SECS},
    ports::{DeadLetters as _, Depth, QueueError, WaitingList as _},
    time::{Clock, Timestamp},
    wire::problem,
};

use super::connections::Connections;
use crate::{
    db::{Db, FileHealth, webhook},
    sockets::Registry,
};

/// What the routes need.
pub(crate) struct Operations {
    pub(crate) queue: Db,
    pub(crate) sockets: Registry,
    pub(crate) connections: Connections,
    pub(crate) clock: Clock,
    pub(crate) metrics: PrometheusHandle,
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    queue: QueueHealth,
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct QueueHealth {
    queued: u64,
    dead: u64,
    oldest_age_seconds: f64,
}

pub(super) fn router(operations: Arc<Operations>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(operations)
}

async fn healthz(State(operations): State<Arc<Operations>>) -> Response {
    match operations.queue.depth().await {
        Ok(depth) => Json(health(&depth, operations.clock.now())).into_response(),
        Err(error) => unavailable(&error),
    }
}

async fn readyz(State(operations): State<Arc<Operations>>) -> Response {
    match unready(&operations.queue.file_health()) {
        None => Json(Readiness { status: "ready" }).into_response(),
        Some((code, detail)) => {
            problem::response(StatusCode::SERVICE_UNAVAILABLE, code, detail).into_response()
        }
    }
}

/// Why the server does not do its work, the most serious reason first.
fn unready(file: &FileHealth) -> Option<(Code, &'static str)> {
    if file.moved {
        Some((Code::DataMoved, "the data file or its log was moved, replaced or deleted"))
    } else if file.commits_fail {
        Some((Code::QueueUnavailable, "the latest commits failed; the log has the error"))
    } else if file.disk_free_bytes.is_some_and(|free| free < DISK_FREE_BYTES_MIN) {
        Some((Code::DiskFull, "the disk of the data file is nearly full"))
    } else if file.stalled >= Duration::from_secs(QUEUE_STALLED_AFTER_SECS) {
        Some((Code::QueueStalled, "nothing has left the queue for minutes"))
    } else {
        None
    }
}

async fn metrics(State(operations): State<Arc<Operations>>) -> Response {
    let depth = match operations.queue.depth().await {
        Ok(depth) => depth,
        Err(error) => return unavailable(&error),
    };
    match operations.queue.waiting_totals().await {
        Ok(totals) => tierlift_worker::set_gauges(&totals, operations.clock.now()),
        Err(error) => tracing::warn!(%error, "what waits was not counted"),
    }
    match operations.queue.webhooks_waiting().await {
        Ok(waiting) => set_webhook_gauges(&waiting, operations.clock.now()),
        Err(error) => tracing::warn!(%error, "webhooks to the host were not counted"),
    }
    set_gauges(&health(&depth, operations.clock.now()).queue, &operations);
    set_file_gauges(&operations.queue.file_health());
    let text = operations.metrics.render();
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

fn health(depth: &Depth, now: Timestamp) -> Health {
    let oldest = depth.oldest_received_at.map(|at| now.since(at).as_secs_f64());
    let oldest_age_seconds = oldest.unwrap_or_default();
    let queue = QueueHealth { queued: depth.queued, dead: depth.dead, oldest_age_seconds };
    Health { status: "ok", queue }
}

/// Gauges are set when they are scraped, so that they cost nothing in between.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; counts are far below 2^52")]
fn set_gauges(queue: &QueueHealth, operations: &Operations) {
    let Operations { sockets, connections, .. } = operations;
    metrics::gauge!("tierlift_queue_depth").set(queue.queued as f64);
    metrics::gauge!("tierlift_dead_letters").set(queue.dead as f64);
    metrics::gauge!("tierlift_queue_oldest_age_seconds").set(queue.oldest_age_seconds);
    metrics::gauge!("tierlift_sockets").set(sockets.len() as f64);
    metrics::gauge!("tierlift_connections").set(connections.len() as f64);
    metrics::gauge!("tierlift_inflight_bytes").set(connections.inflight_bytes() as f64);
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; counts are far below 2^52")]
fn set_webhook_gauges(waiting: &webhook::Waiting, now: Timestamp) {
    let oldest = waiting.oldest.map(|at| now.since(at).as_secs_f64());
    metrics::gauge!("tierlift_outgoing_webhooks_pending").set(waiting.pending as f64);
    metrics::gauge!("tierlift_outgoing_webhooks_dead").set(waiting.dead as f64);
    metrics::gauge!("tierlift_outgoing_webhooks_oldest_age_seconds")
        .set(oldest.unwrap_or_default());
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; sizes are far below 2^52")]
fn set_file_gauges(file: &FileHealth) {
    metrics::gauge!("tierlift_wal_bytes").set(file.log_bytes as f64);
    metrics::gauge!("tierlift_checkpoint_age_seconds").set(file.checkpoint_age.as_secs_f64());
    if let Some(free) = file.disk_free_bytes {
        metrics::gauge!("tierlift_disk_free_bytes").set(free as f64);
    }
}

fn unavailable(error: &QueueError) -> Response {
    tracing::error!(%error, "queue depth not read");
    let status = StatusCode::SERVICE_UNAVAILABLE;
    problem::response(status, Code::QueueUnavailable, "the queue cannot be read").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_serious_reason_is_given_first() {
        let well = FileHealth {
            commits_fail: false,
            moved: false,
            is_complete: false,
            log_bytes: 1 << 40,
            checkpoint_age: Duration::from_hours(1),
            disk_free_bytes: None,
            stalled: Duration::from_secs(QUEUE_STALLED_AFTER_SECS - 1),
        };
        assert_eq!(unready(&well), None);
        let stalled = FileHealth { stalled: Duration::from_secs(QUEUE_STALLED_AFTER_SECS), ..well };
        let full = FileHealth { disk_free_bytes: Some(DISK_FREE_BYTES_MIN - 1), ..stalled };
        let failing = FileHealth { commits_fail: true, ..full };
        let moved = FileHealth { moved: true, ..failing };
        for (file, code) in [
            (stalled, Code::QueueStalled),
            (full, Code::DiskFull),
            (failing, Code::QueueUnavailable),
            (moved, Code::DataMoved),
        ] {
            assert_eq!(unready(&file).map(|(code, _)| code), Some(code));
        }
    }
}
