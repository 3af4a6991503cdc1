//! What may call a demo: pages and programs of this machine. A page of another site could otherwise reach it
//! under a name that it controls and lets point here.

use axum::{
    extract::Request,
    http::{
        StatusCode, Uri,
        header::{HeaderValue, ORIGIN},
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use tierlift_core::{codes::Code, wire::problem};

/// The names of this machine that a demo answers to.
pub(super) const HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Refuses requests of pages of other origins. Programs send no origin.
pub(super) async fn only_local_pages(request: Request, next: Next) -> Response {
    if request.headers().get_all(ORIGIN).iter().all(is_local) {
        return next.run(request).await;
    }
    let detail = "a demo can be used by pages of this machine only";
    problem::response(StatusCode::FORBIDDEN, Code::OriginRefused, detail).into_response()
}

fn is_local(origin: &HeaderValue) -> bool {
    let uri = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
    let host = uri.as_ref().and_then(|uri| uri.scheme().and(uri.host()));
    host.is_some_and(|host| HOSTS.iter().any(|known| known.eq_ignore_ascii_case(host)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_this_machine_are_local_whatever_their_port() {
        for (origin, expected) in [
            ("http://localhost:8787", true),
            ("http://127.0.0.1:5173", true),
            ("http://[::1]:80", true),
            ("https://LOCALHOST", true),
            ("http://evil.example", false),
            ("http://localhost.evil.example", false),
            ("http://localhost@evil.example", false),
            ("null", false),
            ("localhost", false),
            ("", false),
        ] {
            assert_eq!(is_local(&HeaderValue::from_static(origin)), expected, "{origin}");
        }
    }
}
