//! The HTTP side of the one process: all routes under one roof, and the loop that accepts.

mod accept;
mod operations;
mod socket;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{
        Method, StatusCode,
        header::{AUTHORIZATION, CONTENT_TYPE},
    },
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use tierlift_core::{
    codes::Code,
    limits::{REQUEST_BODY_MAX_BYTES, REQUEST_TIMEOUT_SECS},
    ports::{DeadLetters, Enqueue, Store},
    stripe::signature::Secrets,
    wire::problem,
};
use tierlift_ingest::Ingest;
use tierlift_session::Access;
use tower_http::cors::CorsLayer;

pub(crate) use accept::{Accepting, accept};
pub(crate) use operations::Operations;
pub(crate) use socket::Door;

/// How long browsers may remember that an origin is allowed.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_hours(1);

/// What the routes need, each its own part.
pub(crate) struct Parts<Q, S> {
    pub(crate) ingest: Arc<Ingest<Q, Arc<Secrets>>>,
    pub(crate) access: Arc<Access<S>>,
    pub(crate) door: Arc<Door<S>>,
    pub(crate) operations: Arc<Operations<Q>>,
    /// The host's own routes.
    pub(crate) host: Router,
}

/// All routes. What is none of them is refused like everything else that is refused.
pub(crate) fn router<Q: Enqueue + DeadLetters + 'static, S: Store + 'static>(
    parts: Parts<Q, S>,
) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(parts.door.origins.listed())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
        .max_age(PREFLIGHT_MAX_AGE);
    let host = parts
        .host
        .layer(DefaultBodyLimit::max(REQUEST_BODY_MAX_BYTES))
        .layer(from_fn(within_request_timeout));
    // Given before the layer, so that a preflight gets to the layer and not here.
    let session = tierlift_session::router(parts.access)
        .method_not_allowed_fallback(async || problem::method_not_allowed());
    tierlift_ingest::router(parts.ingest)
        .merge(session.layer(cors))
        .merge(tierlift_session::codes::router())
        .merge(socket::router(parts.door))
        .merge(operations::router(parts.operations))
        .merge(host)
        .fallback(async || problem::route_not_found())
        .method_not_allowed_fallback(async || problem::method_not_allowed())
}

/// The host's routes read their bodies themselves; this bounds how long that may take.
async fn within_request_timeout(request: Request, next: Next) -> Response {
    let limit = Duration::from_secs(REQUEST_TIMEOUT_SECS);
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
        let status = StatusCode::REQUEST_TIMEOUT;
        problem::response(status, Code::RequestTimeout, "the request took too long").into_response()
    })
}
