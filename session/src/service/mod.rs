//! The routes for a host's backend, which sends a service token: it asks for any of its users by its own id,
//! has tokens issued for their browsers, grants what they earned elsewhere, and follows what changes.
//!
//! These routes are not for browsers: no origin is allowed, and a user's token is refused.

pub mod changes;
mod error;
mod grants;
mod tokens;
mod users;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use tierlift_core::{
    limits::SERVICE_BODY_BYTES_MAX,
    ports::{Scan, Store},
    shared::Shared,
    token::ServiceTokens,
    wire::problem,
};

use crate::{Access, bearer};

pub use error::Error;
pub use grants::Push;

/// The name of the service that sent a request: an extension of every request behind the guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service(pub String);

/// The routes. They read and write accounts by `access`, and are for those who have one of the tokens.
pub fn router<S: Store + Scan + 'static>(
    access: Arc<Access<S>>,
    tokens: Shared<ServiceTokens>,
    push: impl Push,
) -> Router {
    let grants = grants::router(Arc::clone(&access), push);
    Router::new()
        .route("/v1/users/{id}", get(users::user::<S>))
        .route("/v1/users:batch", post(users::batch::<S>))
        .route("/v1/tokens", post(tokens::issue::<S>))
        .with_state(access)
        .merge(grants)
        .method_not_allowed_fallback(async || problem::method_not_allowed())
        .layer(DefaultBodyLimit::max(SERVICE_BODY_BYTES_MAX))
        .route_layer(from_fn_with_state(tokens, guard))
}

/// Lets in who has a service token, and says who that is. Nothing of the request is read before.
pub async fn guard(
    State(tokens): State<Shared<ServiceTokens>>,
    mut request: Request,
    next: Next,
) -> Response {
    let tokens = tokens.current();
    let service = match bearer(request.headers()) {
        "" => Err(Error::Missing),
        token => tokens.name_of(token).ok_or(Error::Invalid),
    };
    match service {
        Ok(name) => {
            request.extensions_mut().insert(Service(name.to_owned()));
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}
