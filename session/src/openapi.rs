//! `GET /openapi.json`: the routes of a server, for programs. It needs no token, no store and no secret.

use axum::{Router, http::header::CONTENT_TYPE, routing::get};

/// The description, which is generated from the code and held to it by a test.
const DESCRIPTION: &str = include_str!("../../docs/reference/openapi.json");

/// The route.
pub fn router() -> Router {
    Router::new()
        .route("/openapi.json", get(async || ([(CONTENT_TYPE, "application/json")], DESCRIPTION)))
}
