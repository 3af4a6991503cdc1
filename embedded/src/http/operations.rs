//! `GET /healthz` and `GET /metrics`, for operators. Neither shows anything about a user.

use std::sync::Arc;

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
    ports::{DeadLetters, Depth, QueueError, WaitingList},
    time::{Clock, Timestamp},
    wire::problem,
};

use super::connections::Connections;
use crate::sockets::Registry;

/// What the two routes need.
pub(crate) struct Operations<Q> {
    pub(crate) queue: Q,
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
#[serde(rename_all = "camelCase")]
struct QueueHealth {
    queued: u64,
    dead: u64,
    oldest_age_seconds: f64,
}

pub(super) fn router<Q: DeadLetters + WaitingList + 'static>(
    operations: Arc<Operations<Q>>,
) -> Router {
    Router::new()
        .route("/healthz", get(healthz::<Q>))
        .route("/metrics", get(metrics::<Q>))
        .with_state(operations)
}

async fn healthz<Q: DeadLetters>(State(operations): State<Arc<Operations<Q>>>) -> Response {
    match operations.queue.depth().await {
        Ok(depth) => Json(health(&depth, operations.clock.now())).into_response(),
        Err(error) => unavailable(&error),
    }
}

async fn metrics<Q: DeadLetters + WaitingList>(
    State(operations): State<Arc<Operations<Q>>>,
) -> Response {
    let depth = match operations.queue.depth().await {
        Ok(depth) => depth,
        Err(error) => return unavailable(&error),
    };
    match operations.queue.waiting_totals().await {
        Ok(totals) => tierlift_worker::set_gauges(&totals, operations.clock.now()),
        Err(error) => tracing::warn!(%error, "what waits was not counted"),
    }
    set_gauges(&health(&depth, operations.clock.now()).queue, &operations);
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
fn set_gauges<Q>(queue: &QueueHealth, operations: &Operations<Q>) {
    let Operations { sockets, connections, .. } = operations;
    metrics::gauge!("tierlift_queue_depth").set(queue.queued as f64);
    metrics::gauge!("tierlift_dead_letters").set(queue.dead as f64);
    metrics::gauge!("tierlift_queue_oldest_age_seconds").set(queue.oldest_age_seconds);
    metrics::gauge!("tierlift_sockets").set(sockets.len() as f64);
    metrics::gauge!("tierlift_connections").set(connections.len() as f64);
    metrics::gauge!("tierlift_inflight_bytes").set(connections.inflight_bytes() as f64);
}

fn unavailable(error: &QueueError) -> Response {
    tracing::error!(%error, "queue depth not read");
    let status = StatusCode::SERVICE_UNAVAILABLE;
    problem::response(status, Code::QueueUnavailable, "the queue cannot be read").into_response()
}
