//! The demo's page: the built client, embedded in the program, or the plain page if it was not built.

use axum::response::Response;
use rust_embed::Embed;

use crate::pages::{self, INDEX, Rest};

/// The output of the client's build.
#[derive(Embed)]
#[folder = "../client/demo/dist/"]
#[allow_missing = true]
struct Built;

const PLAIN_PAGE: &str = include_str!("plain.html");

/// Only this server's files and its sockets; no other page may frame it.
const POLICY: Rest = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self' ws://localhost:* ws://127.0.0.1:*; object-src 'none'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Whether the client is built.
pub(super) fn is_built() -> bool {
    Built::get(INDEX).is_some()
}

/// `GET /demo`.
pub(super) fn page() -> Response {
    if is_built() { file(INDEX) } else { plain_page() }
}

/// `GET /demo/plain`.
pub(super) fn plain_page() -> Response {
    pages::page(PLAIN_PAGE, POLICY)
}

/// `GET /demo/…`: a file of the build.
pub(super) fn file(path: &str) -> Response {
    pages::file::<Built>(path, POLICY)
}
