//! The HTTP side of the process: all routes as one router, and the loop that accepts connections.

mod accept;
mod connections;
mod operations;
mod socket;
mod traffic;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{
        HeaderName, Method, StatusCode,
        header::{AUTHORIZATION, CONTENT_TYPE},
    },
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use tierlift_core::{
    codes::Code,
    limits::{PREFLIGHT_AGE_SECS_MAX, REQUEST_BODY_BYTES_MAX, REQUEST_TIMEOUT_SECS},
    ports::{Enqueue, Store},
    stripe::signature::Secrets,
    wire::problem,
};
use tierlift_ingest::Ingest;
use tierlift_session::Access;
use tower_http::cors::CorsLayer;

pub(crate) use accept::AcceptLoop;
pub(crate) use connections::{Connections, Room};
pub(crate) use operations::Operations;
pub(crate) use socket::WebSocketState;
pub(crate) use traffic::Hosts;

/// The state of each group of routes.
pub(crate) struct RouterState<Q, S> {
    pub(crate) ingest: Arc<Ingest<Q, Arc<Secrets>>>,
    pub(crate) access: Arc<Access<S>>,
    /// The route that confirms checkouts.
    pub(crate) confirm: Router,
    pub(crate) web_socket: Arc<WebSocketState<S>>,
    pub(crate) operations: Arc<Operations>,
    /// The routes for hosts that are other programs, and for proxies.
    pub(crate) doors: Router,
    /// The host's own routes.
    pub(crate) host: Router,
}

/// All routes. A request for any other is refused with a problem document.
pub(crate) fn router<Q: Enqueue + 'static, S: Store + 'static>(state: RouterState<Q, S>) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(state.web_socket.origins.listed())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(request_headers())
        .max_age(Duration::from_secs(PREFLIGHT_AGE_SECS_MAX));
    let host = state
        .host
        .layer(DefaultBodyLimit::max(REQUEST_BODY_BYTES_MAX))
        .layer(from_fn(within_request_timeout));
    // Set before the layer is added, so that a preflight request reaches the layer and not this fallback.
    let confirm = state
        .confirm
        .layer(DefaultBodyLimit::max(REQUEST_BODY_BYTES_MAX))
        .layer(from_fn(within_request_timeout));
    let session = tierlift_session::router(state.access)
        .merge(confirm)
        .method_not_allowed_fallback(async || problem::method_not_allowed());
    tierlift_ingest::router(state.ingest)
        .merge(session.layer(cors))
        .merge(state.doors.layer(from_fn(within_request_timeout)))
        .merge(tierlift_session::codes::router())
        .merge(tierlift_session::openapi::router())
        .merge(socket::router(state.web_socket))
        .merge(operations::router(state.operations))
        .merge(host)
        .fallback(async || problem::route_not_found())
        .method_not_allowed_fallback(async || problem::method_not_allowed())
}

/// Headers that a page may send: those that the routes read, and those that tracing adds to every request
/// (W3C Trace Context and Baggage, Sentry).
fn request_headers() -> [HeaderName; 6] {
    let tracing = ["traceparent", "tracestate", "baggage", "sentry-trace"];
    let [traceparent, tracestate, baggage, sentry_trace] = tracing.map(HeaderName::from_static);
    [AUTHORIZATION, CONTENT_TYPE, traceparent, tracestate, baggage, sentry_trace]
}

/// Bounds the time of a request to one of the host's routes, which read their bodies themselves.
async fn within_request_timeout(request: Request, next: Next) -> Response {
    let limit = Duration::from_secs(REQUEST_TIMEOUT_SECS);
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
        let status = StatusCode::REQUEST_TIMEOUT;
        problem::response(status, Code::RequestTimeout, "the request took too long").into_response()
    })
}
