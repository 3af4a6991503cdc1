//! The demo's page: the built client, embedded in the program, or the plain page if it was not built.
//! A debug build reads the client's folder at run time.

use axum::{
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
            X_FRAME_OPTIONS,
        },
    },
    response::{Html, IntoResponse, Response},
};
use rust_embed::{Embed, EmbeddedFile};
use tierlift_core::{codes::Code, wire::problem};

use super::page_policy;

/// The output of the client's build. File names under `assets/` contain a hash of the content.
#[derive(Embed)]
#[folder = "../client/demo/dist/"]
#[allow_missing = true]
struct Built;

const PLAIN_PAGE: &str = include_str!("plain.html");
const INDEX: &str = "index.html";
const ASSETS: &str = "assets/";

/// Whether the client is built.
pub(super) fn is_built() -> bool {
    Built::get(INDEX).is_some()
}

/// `GET /demo`.
pub(super) fn page() -> Response {
    match Built::get(INDEX) {
        Some(file) => respond(INDEX, file),
        None => plain_page(),
    }
}

/// `GET /demo/plain`.
pub(super) fn plain_page() -> Response {
    page_of(Html(PLAIN_PAGE), PLAIN_PAGE)
}

/// `GET /demo/…`: a file of the build.
pub(super) fn file(path: &str) -> Response {
    let Some(file) = Built::get(path) else {
        let detail = "the demo has no such file";
        return problem::response(StatusCode::NOT_FOUND, Code::RouteNotFound, detail)
            .into_response();
    };
    respond(path, file)
}

fn respond(path: &str, file: EmbeddedFile) -> Response {
    let kind = file.metadata.mimetype();
    if let ("text/html", Ok(html)) = (kind, std::str::from_utf8(&file.data)) {
        return page_of(Html(html.to_owned()), html);
    }
    let charset = if kind.starts_with("text/") { "; charset=utf-8" } else { "" };
    let content_type = format!("{kind}{charset}");
    // A hashed name never changes its content; the page itself is revalidated.
    let is_immutable = path.starts_with(ASSETS);
    let cache = if is_immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    (headers(&content_type, cache), file.data.into_owned()).into_response()
}

/// A page with its policy.
fn page_of(body: impl IntoResponse, html: &str) -> Response {
    let policy = [
        (CONTENT_SECURITY_POLICY, page_policy::for_page(html)),
        // For browsers that do not know `frame-ancestors`.
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    ];
    (headers("text/html; charset=utf-8", "no-cache"), policy, body).into_response()
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
