//! `GET /.well-known/jwks.json`: the public halves of the keys with which tokens are signed, so that a host can check
//! one offline. Without such keys the set is empty. It needs no token.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::header::CACHE_CONTROL,
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::json;
use tierlift_core::{limits::KEY_SET_AGE_SECS, ports::Store, token::SigningKeys};

use crate::Access;

/// The route.
pub fn router<S: Store + 'static>(access: Arc<Access<S>>) -> Router {
    Router::new().route("/.well-known/jwks.json", get(key_set::<S>)).with_state(access)
}

async fn key_set<S: Store>(State(access): State<Arc<Access<S>>>) -> Response {
    let keys = access.keyring.keys();
    let set = keys.signing_keys().map(SigningKeys::key_set);
    let body = set.map_or_else(|| json!({ "keys": [] }), |set| json!(set));
    let age = format!("public, max-age={KEY_SET_AGE_SECS}");
    ([(CACHE_CONTROL, age)], Json(body)).into_response()
}
