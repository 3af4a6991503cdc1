//! `POST /v1/tokens`: a token for the browser of a user whom the host has signed in by its own means, such as
//! a cookie.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use tierlift_core::{
    id::UserId, limits::CLAIMS_BYTES_MAX, ports::Store, time::Timestamp, token::SignIn,
};

use super::{
    Error,
    users::{json, parse},
};
use crate::{Access, Refreshed};

/// The body.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Request {
    user_id: String,
    /// Unix seconds at which the user signed in.
    #[serde(default)]
    auth_time: Option<i64>,
    #[serde(default)]
    claims: Map<String, Value>,
}

pub(super) async fn issue<S: Store>(
    State(access): State<Arc<Access<S>>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Error> {
    let Request { user_id, auth_time, claims } = parse(&body?)?;
    let user = UserId::new(&user_id)?;
    check(&claims, access.keyring.keys().signing_keys().is_some())?;
    let sign_in = SignIn { at: auth_time.map(Timestamp::from_secs), claims };
    let (issued, user) = access.issue_for(&user, sign_in).await.map_err(Error::of_user)?;
    Ok(axum::response::IntoResponse::into_response(json(&Refreshed { issued, user })))
}

/// Checks the claims of a host: tierlift's own are not its to set, and all of them fit into a token.
fn check(claims: &Map<String, Value>, is_offline: bool) -> Result<(), Error> {
    let more = SignIn::RESERVED_OFFLINE.iter().filter(|_| is_offline);
    let mut reserved = SignIn::RESERVED.iter().chain(more);
    if let Some(name) = reserved.find(|name| claims.contains_key(**name)) {
        return Err(Error::Body(format!("the claim {name} is tierlift's to set")));
    }
    let size = serde_json::to_string(claims).map_or(usize::MAX, |text| text.len());
    if size > CLAIMS_BYTES_MAX {
        return Err(Error::Body(format!("claims have at most {CLAIMS_BYTES_MAX} bytes of JSON")));
    }
    Ok(())
}
