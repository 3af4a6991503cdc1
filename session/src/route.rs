//! `GET /session` and `POST /session/refresh`.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderName, header::CACHE_CONTROL},
    routing::{get, post},
};
use serde::Serialize;
use tierlift_core::{epoch::Seen, ports::Store, token::Issued, wire::session::Session};

use crate::{Access, Error, bearer};

/// The response of `POST /session/refresh`.
#[derive(Clone, Debug, Serialize)]
pub struct Refreshed {
    /// The new token.
    #[serde(flatten)]
    pub issued: Issued,
    /// The session of its user.
    pub user: Session,
}

/// A response that no cache may keep: it depends on the token and on the time.
pub(crate) type Uncached<T> = ([(HeaderName, &'static str); 1], Json<T>);

pub(crate) const fn uncached<T>(body: T) -> Uncached<T> {
    ([(CACHE_CONTROL, "no-store")], Json(body))
}

/// The routes.
pub fn router<S: Store + 'static>(access: Arc<Access<S>>) -> Router {
    Router::new()
        .route("/session", get(session::<S>))
        .route("/session/refresh", post(refresh::<S>))
        .with_state(access)
}

async fn session<S: Store>(
    State(access): State<Arc<Access<S>>>,
    seen: Result<Query<Seen>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Uncached<Session>, Error> {
    // What a client has seen is optional, and so is that it can be read.
    let seen = seen.map(|Query(seen)| seen).unwrap_or_default();
    access.session(bearer(&headers), seen).await.map(uncached)
}

async fn refresh<S: Store>(
    State(access): State<Arc<Access<S>>>,
    headers: HeaderMap,
) -> Result<Uncached<Refreshed>, Error> {
    let (issued, user) = access.refresh(bearer(&headers)).await?;
    Ok(uncached(Refreshed { issued, user }))
}
