//! `POST /session/confirm`: a page is back from a checkout. With a key, Stripe is asked about the Checkout Session,
//! and its answer is enqueued like an event; the response is the session as it is committed then.
//!
//! It is a short cut for what the webhook does, and commits nothing of its own. When Stripe is slow or unavailable
//! the page gets what is committed, and the webhook, or the answer when it comes, is pushed.

mod confirmer;
mod flights;

use std::{fmt, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::Deserialize;
use tierlift_core::{
    codes::Code,
    limits::ID_BYTES_MAX,
    ports::Store,
    wire::{problem, session::Session},
};

use crate::{
    Access, bearer,
    route::{Uncached, uncached},
};

pub use confirmer::{Buyer, Confirm, Confirmer, NoKey};

/// The id of a Checkout Session, `cs_…`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CheckoutSessionId(Arc<str>);

impl CheckoutSessionId {
    /// The id of that text; `None` if it is of something else, or a placeholder that nobody replaced.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("cs_")?;
        let is_plain = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let is_id = !rest.is_empty() && is_plain && text.len() <= ID_BYTES_MAX;
        is_id.then(|| Self(text.into()))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CheckoutSessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a checkout is not confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Stripe knows no such session.
    #[error("Stripe knows no such Checkout Session in this mode")]
    NotFound,
    /// It names another user, or none.
    #[error("the Checkout Session does not name this user")]
    Foreign,
    /// It is open, expired, or its payment is not decided.
    #[error("the Checkout Session is not paid")]
    Unpaid,
    /// The user asks too often.
    #[error("this user asks about checkouts too often")]
    RateLimited {
        /// Time after which Stripe can be asked again.
        retry_after: Duration,
    },
}

impl Refusal {
    const fn code(self) -> (StatusCode, Code) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, Code::CheckoutNotFound),
            Self::Foreign => (StatusCode::FORBIDDEN, Code::CheckoutForeign),
            Self::Unpaid => (StatusCode::CONFLICT, Code::CheckoutUnpaid),
            Self::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, Code::CheckoutRateLimited),
        }
    }
}

/// Why a request to confirm is refused.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the body is too large")]
    TooLarge,
    #[error("the body ended too early")]
    Incomplete,
    #[error("send {{\"checkoutSessionId\": \"cs_…\"}}: {0}")]
    Body(String),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Access(#[from] crate::Error),
}

impl From<BytesRejection> for Error {
    fn from(rejection: BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Self::TooLarge
        } else {
            Self::Incomplete
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, code) = match &self {
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, Code::BodyTooLarge),
            Self::Incomplete => (StatusCode::BAD_REQUEST, Code::BodyIncomplete),
            Self::Body(_) => (StatusCode::BAD_REQUEST, Code::BodyInvalid),
            Self::Refused(refusal) => refusal.code(),
            Self::Access(error) => return error.to_response().into_response(),
        };
        let mut response = problem::response(status, code, &self.to_string()).into_response();
        if let Self::Refused(Refusal::RateLimited { retry_after }) = self {
            // A part of a second is one more.
            let secs = HeaderValue::from(retry_after.as_secs().saturating_add(1));
            response.headers_mut().insert(RETRY_AFTER, secs);
        }
        response
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    checkout_session_id: String,
}

struct Route<S, C> {
    access: Arc<Access<S>>,
    confirm: C,
}

/// The route. [`NoKey`] confirms nothing where there is no key, and the response is what is committed.
pub fn router<S: Store + 'static, C: Confirm + 'static>(
    access: Arc<Access<S>>,
    confirm: C,
) -> Router {
    Router::new()
        .route("/session/confirm", post(confirm_checkout::<S, C>))
        .with_state(Arc::new(Route { access, confirm }))
}

async fn confirm_checkout<S: Store, C: Confirm>(
    State(route): State<Arc<Route<S, C>>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Uncached<Session>, Error> {
    let Route { access, confirm } = &*route;
    let claims = access.authenticate(bearer(&headers)).await?.claims;
    let checkout = parse(&body?)?;
    let buyer = Buyer { user: claims.user, others: claims.others };
    confirm.confirm(&buyer, &checkout).await?;
    // The token was fresh when it was sent, and may be stale by what it has just confirmed.
    let session = access.session_for(&buyer.user, &buyer.others, None).await?;
    Ok(uncached(session))
}

fn parse(body: &[u8]) -> Result<CheckoutSessionId, Error> {
    let asked: Asked =
        serde_json::from_slice(body).map_err(|error| Error::Body(error.to_string()))?;
    let id = CheckoutSessionId::parse(&asked.checkout_session_id);
    id.ok_or_else(|| Error::Body("this is no id of a Checkout Session".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_a_checkout_session_is_plain_and_nothing_else_is_one() {
        for id in ["cs_1", "cs_test_a1B2", "cs_live_x"] {
            assert_eq!(CheckoutSessionId::parse(id).unwrap().as_str(), id);
        }
        let long = format!("cs_{}", "a".repeat(ID_BYTES_MAX));
        for id in ["", "cs_", "cs", "sub_1", "{CHECKOUT_SESSION_ID}", "cs_../x", "cs_ä", &long] {
            assert_eq!(CheckoutSessionId::parse(id), None, "{id}");
        }
    }
}
