//! The HTTP side of the one process: all routes under one roof, and the loop that accepts.

mod accept;
mod operations;
mod socket;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{
        HeaderValue, Method, StatusCode,
        header::{AUTHORIZATION, CONTENT_TYPE},
    },
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use tierlift_core::{
    limits::{REQUEST_BODY_MAX_BYTES, REQUEST_TIMEOUT_SECS},
    ports::{Queue, Store},
    problem,
};
use tierlift_ingest::Ingest;
use tierlift_session::Access;
use tower_http::cors::CorsLayer;

pub(crate) use accept::{Accepting, accept};
pub(crate) use operations::Operations;
pub(crate) use socket::Door;

/// How long browsers may remember that an origin is allowed.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_hours(1);

type Refusal = axum::http::Response<String>;

/// What the routes need, each its own part.
pub(crate) struct Parts<Q, S> {
    pub(crate) ingest: Arc<Ingest<Q>>,
    pub(crate) access: Arc<Access<S>>,
    pub(crate) door: Arc<Door<S>>,
    pub(crate) operations: Arc<Operations<Q>>,
    /// The host's own routes.
    pub(crate) host: Router,
}

/// All routes. What is none of them is refused like everything else that is refused.
pub(crate) fn router<Q: Queue + 'static, S: Store + 'static>(parts: Parts<Q, S>) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(parts.door.origins.clone())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE])
        .max_age(PREFLIGHT_MAX_AGE);
    let host = parts
        .host
        .layer(DefaultBodyLimit::max(REQUEST_BODY_MAX_BYTES))
        .layer(from_fn(within_request_timeout));
    // Given before the layer, so that a preflight gets to the layer and not here.
    let session = tierlift_session::router(parts.access).method_not_allowed_fallback(other_method);
    tierlift_ingest::router(parts.ingest)
        .merge(session.layer(cors))
        .merge(socket::router(parts.door))
        .merge(operations::router(parts.operations))
        .merge(host)
        .fallback(no_route)
        .method_not_allowed_fallback(other_method)
}

async fn no_route() -> Refusal {
    problem::response(StatusCode::NOT_FOUND, "not_found", "no such route")
}

async fn other_method() -> Refusal {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    problem::response(status, "method_not_allowed", "this route has other methods")
}

/// The host's routes read their bodies themselves; this bounds how long that may take.
async fn within_request_timeout(request: Request, next: Next) -> Response {
    let limit = Duration::from_secs(REQUEST_TIMEOUT_SECS);
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
        let status = StatusCode::REQUEST_TIMEOUT;
        problem::response(status, "request_timeout", "the request took too long").into_response()
    })
}

/// An origin as browsers write it: `scheme://host[:port]`, and nothing behind it.
pub(crate) fn origin(text: &str) -> Option<HeaderValue> {
    let uri: axum::http::Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let exact = format!("{scheme}://{authority}") == text && !authority.as_str().contains('@');
    (exact && text == text.to_ascii_lowercase()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_perhaps_a_port() {
        for (text, fits) in [
            ("https://app.example.com", true),
            ("http://127.0.0.1:8787", true),
            ("http://[::1]:8787", true),
            ("https://app.example.com/", false),
            ("https://app.example.com/path", false),
            ("https://App.example.com", false),
            ("https://user@app.example.com", false),
            ("app.example.com", false),
            ("*", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(origin(text).is_some(), fits, "{text}");
        }
    }
}
