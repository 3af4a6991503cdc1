//! The pages that are built into the program, with their headers: the outputs of the client's builds. A debug build
//! reads their folders at run time.

mod policy;

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

pub(crate) use policy::Rest;

/// The page itself, in the output of a build.
pub(crate) const INDEX: &str = "index.html";
/// Where names contain a hash of the content.
const ASSETS: &str = "assets/";

/// A file of a build, or a refusal.
pub(crate) fn file<B: Embed>(path: &str, policy: Rest) -> Response {
    if let Some(file) = B::get(path) {
        return respond(path, file, policy);
    }
    let detail = "the page has no such file";
    problem::response(StatusCode::NOT_FOUND, Code::RouteNotFound, detail).into_response()
}

fn respond(path: &str, file: EmbeddedFile, policy: Rest) -> Response {
    let kind = file.metadata.mimetype();
    if let ("text/html", Ok(html)) = (kind, std::str::from_utf8(&file.data)) {
        return page(html, policy);
    }
    let charset = if kind.starts_with("text/") { "; charset=utf-8" } else { "" };
    let content_type = format!("{kind}{charset}");
    // A hashed name never changes its content; the page itself is revalidated.
    let is_immutable = path.starts_with(ASSETS);
    let cache = if is_immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    (headers(&content_type, cache), file.data.into_owned()).into_response()
}

/// A page with its policy.
pub(crate) fn page(html: &str, policy: Rest) -> Response {
    let policy = [
        (CONTENT_SECURITY_POLICY, policy::for_page(html, policy)),
        // For browsers that do not know `frame-ancestors`.
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    ];
    (headers("text/html; charset=utf-8", "no-cache"), policy, Html(html.to_owned())).into_response()
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
