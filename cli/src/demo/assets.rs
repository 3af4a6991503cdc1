//! The demo's page: the built client, held inside the program, or the plain page where it was not
//! built. A debug build reads the folder instead, so that a page can be worked on.

use axum::{
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    },
    response::{Html, IntoResponse, Response},
};
use rust_embed::{Embed, EmbeddedFile};
use tierlift_core::codes::Code;
use tierlift_core::wire::problem;

/// The files that the client's build makes. Their names under `assets/` carry their content's hash.
#[derive(Embed)]
#[folder = "../client/demo/dist/"]
#[allow_missing = true]
struct Built;

const PLAIN_PAGE: &str = include_str!("plain.html");
const INDEX: &str = "index.html";
const ASSETS: &str = "assets/";

/// Whether the client was built when this program was.
pub(super) fn is_built() -> bool {
    Built::get(INDEX).is_some()
}

/// `GET /demo`.
pub(super) fn page() -> Response {
    match Built::get(INDEX) {
        Some(file) => answer(INDEX, file),
        None => plain_page(),
    }
}

/// `GET /demo/plain`.
pub(super) fn plain_page() -> Response {
    (headers("text/html; charset=utf-8", "no-cache"), Html(PLAIN_PAGE)).into_response()
}

/// `GET /demo/…`: a built file.
pub(super) fn file(path: &str) -> Response {
    let Some(file) = Built::get(path) else {
        let detail = format!("the demo has no file {path:?}");
        return problem::response(StatusCode::NOT_FOUND, Code::RouteNotFound, &detail)
            .into_response();
    };
    answer(path, file)
}

fn answer(path: &str, file: EmbeddedFile) -> Response {
    let kind = file.metadata.mimetype();
    let charset = if kind.starts_with("text/") { "; charset=utf-8" } else { "" };
    let content_type = format!("{kind}{charset}");
    // A name with its content's hash never means anything else; the page itself is asked for anew.
    let forever = path.starts_with(ASSETS);
    let cache = if forever { "public, max-age=31536000, immutable" } else { "no-cache" };
    (headers(&content_type, cache), file.data.into_owned()).into_response()
}

fn headers(content_type: &str, cache: &'static str) -> HeaderMap {
    let fallback = HeaderValue::from_static("application/octet-stream");
    let content_type = HeaderValue::from_str(content_type).unwrap_or(fallback);
    let pairs: [(HeaderName, HeaderValue); 3] = [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, HeaderValue::from_static(cache)),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    pairs.into_iter().collect()
}
