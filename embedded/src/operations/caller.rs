//! Who may come in over the operators' listener: whoever has a token, from a page of this server or from a program.
//! Nothing of a request is read before.
//!
//! There is no cookie, so a page of another site has nothing that a browser would send along; its origin is refused
//! all the same. A name that somebody else lets point here is refused by the listener
//! ([`Hosts`](crate::http::Hosts)).

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{
        HeaderValue, Method, StatusCode,
        header::{
            CACHE_CONTROL, ORIGIN, REFERRER_POLICY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use tierlift_core::{
    codes::Code,
    config::Origin,
    token::{OperatorTokens, Right},
    wire::problem,
};
use tierlift_session::bearer;

/// Who sent a request: an extension of every request behind the guard.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Caller {
    /// The name of the token.
    pub(super) name: String,
    /// What it may be used for.
    pub(super) right: Right,
}

/// Lets in who has a token; acts need one that may act.
pub(super) async fn guard(
    State(tokens): State<Arc<OperatorTokens>>,
    mut request: Request,
    next: Next,
) -> Response {
    let unauthorized = |code, detail| {
        let mut refusal = problem::response(StatusCode::UNAUTHORIZED, code, detail);
        refusal.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        refusal.into_response()
    };
    let token = bearer(request.headers());
    if token.is_empty() {
        let detail = "an operator's token is needed";
        return unauthorized(Code::OperatorTokenMissing, detail);
    }
    let Some((name, right)) = tokens.holder(token) else {
        let detail = "the operator's token is not valid here";
        return unauthorized(Code::OperatorTokenInvalid, detail);
    };
    let is_reading = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_reading && right == Right::Read {
        let detail = "this token may only read";
        return problem::response(StatusCode::FORBIDDEN, Code::OperatorTokenReadOnly, detail)
            .into_response();
    }
    let caller = Caller { name: name.to_owned(), right };
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// Refuses requests of pages of other origins. Programs send no origin.
pub(super) async fn only_own_pages(
    State(origins): State<Arc<[Origin]>>,
    request: Request,
    next: Next,
) -> Response {
    let is_own = |sent: &HeaderValue| origins.iter().any(|known| known.as_header() == sent);
    if request.headers().get_all(ORIGIN).iter().all(is_own) {
        return next.run(request).await;
    }
    let detail = "operators' routes can be used by pages of this server only";
    problem::response(StatusCode::FORBIDDEN, Code::OriginRefused, detail).into_response()
}

/// What every answer says to browsers: guess no type, keep no answer, and tell nobody where a link was followed.
pub(super) async fn with_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
