//! `GET /v1/users/{id}` and `POST /v1/users:batch`: sessions by the host's own ids.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::Bytes,
    extract::{
        Path, Query, State,
        rejection::{BytesRejection, PathRejection, QueryRejection},
    },
    http::{
        HeaderMap, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use tierlift_core::{
    account::Account,
    id::{self, UserId},
    limits::{ACCOUNTS_PER_TOKEN_MAX, USERS_PER_BATCH_MAX},
    ports::{Scan, Store},
    time::Timestamp,
    wire::{entity_tag, session::Session},
};

use super::Error;
use crate::Access;

/// The body of `POST /v1/users:batch`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Batch {
    user_ids: Vec<String>,
}

/// Its response.
#[derive(Serialize)]
struct Users {
    users: Vec<Session>,
}

pub(super) async fn user<S: Store>(
    State(access): State<Arc<Access<S>>>,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    // What is no UTF-8 is as unusable as a control character.
    let Path(id) = id.map_err(|_| id::Error::ControlCharacter)?;
    let user = UserId::new(&id)?;
    let Query(query) = query.map_err(|_| Error::Query)?;
    let Asked { others, signed_in_at } = Asked::parse(&user, query)?;
    let session = access.session_for(&user, &others, signed_in_at).await.map_err(Error::of_user)?;
    Ok(tagged(&session, &headers))
}

/// What a query asks: a host with cookie sessions knows its user's organisations, and when they signed in.
struct Asked {
    others: Vec<UserId>,
    signed_in_at: Option<Timestamp>,
}

impl Asked {
    /// Parses `account=org_1&account=org_2&authTime=1795000000`.
    fn parse(user: &UserId, query: Vec<(String, String)>) -> Result<Self, Error> {
        let (mut others, mut signed_in_at) = (Vec::new(), None);
        for (name, value) in query {
            match name.as_str() {
                "account" => {
                    let id = UserId::new(&value)?;
                    if id != *user && !others.contains(&id) {
                        others.push(id);
                    }
                }
                "authTime" if signed_in_at.is_none() => {
                    let secs = value.parse().map_err(|_| Error::Query)?;
                    signed_in_at = Some(Timestamp::from_secs(secs));
                }
                _ => return Err(Error::Query),
            }
        }
        let fits = others.len() < ACCOUNTS_PER_TOKEN_MAX;
        if fits { Ok(Self { others, signed_in_at }) } else { Err(Error::Query) }
    }
}

pub(super) async fn batch<S: Store + Scan>(
    State(access): State<Arc<Access<S>>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Error> {
    let Batch { user_ids } = parse(&body?)?;
    if user_ids.len() > USERS_PER_BATCH_MAX {
        let message = format!("a batch has at most {USERS_PER_BATCH_MAX} users");
        return Err(Error::Body(message));
    }
    let users: Vec<_> = user_ids.iter().map(|id| UserId::new(id)).collect::<Result<_, _>>()?;
    let mut distinct = users.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let known =
        if distinct.is_empty() { Vec::new() } else { access.store.accounts_of(distinct).await? };
    let known: HashMap<UserId, Account> =
        known.into_iter().map(|account| (account.user.clone(), account)).collect();
    let policy = access.policy.current();
    let users = users.into_iter().map(|user| match known.get(&user) {
        Some(account) => access.session_of(&account.clone().into()),
        None => access.session_of(&Account::new(user, &policy).into()),
    });
    Ok(json(&Users { users: users.collect() }).into_response())
}

/// Parses a body.
pub(super) fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| Error::Body(error.to_string()))
}

/// A response that is asked for again each time, and sent again only if it differs.
fn tagged(session: &Session, headers: &HeaderMap) -> Response {
    // A session always has a JSON text.
    let body = serde_json::to_string(session).unwrap_or_default();
    let tag = entity_tag::of(body.as_bytes());
    let mut listed = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = listed.any(|list| entity_tag::is_listed(&tag, list));
    let head = [(ETAG, tag), (CACHE_CONTROL, "private, no-cache".to_owned())];
    if is_known {
        return (StatusCode::NOT_MODIFIED, head).into_response();
    }
    (head, [(CONTENT_TYPE, "application/json")], body).into_response()
}

/// A response that no cache may keep.
pub(super) fn json<T: Serialize>(body: &T) -> impl axum::response::IntoResponse + use<T> {
    // What is sent always has a JSON text.
    let text = serde_json::to_string(body).unwrap_or_default();
    ([(CACHE_CONTROL, "no-store"), (CONTENT_TYPE, "application/json")], text)
}
