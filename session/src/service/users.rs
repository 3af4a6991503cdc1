//! `GET /v1/users/{id}` and `POST /v1/users:batch`: sessions by the host's own ids.

use std::sync::Arc;

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
    id::{self, UserId},
    limits::{ACCOUNTS_PER_TOKEN_MAX, USERS_PER_BATCH_MAX},
    ports::{Scan, Store},
    time::Timestamp,
    wire::entity_tag,
};

use super::Error;
use crate::{Access, Answer, last_known};

/// The body of `POST /v1/users:batch`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Batch {
    user_ids: Vec<String>,
}

/// Its response.
#[derive(Serialize)]
struct Users {
    users: Vec<Answer>,
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
    let answer = access.answer_for(&user, &others, signed_in_at).await.map_err(Error::of_user)?;
    Ok(if answer.as_of.is_some() {
        marked(&answer, answer.as_of)
    } else {
        tagged(&answer, &headers)
    })
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
    let users = access.answers_for(&users).await?;
    let as_of = users.iter().filter_map(|answer| answer.as_of).min();
    Ok(marked(&Users { users }, as_of))
}

/// A response that no cache may keep, and that says if it is as of an earlier time.
fn marked<T: Serialize>(body: &T, as_of: Option<Timestamp>) -> Response {
    let mut response = json(body).into_response();
    last_known::mark(response.headers_mut(), as_of);
    response
}

/// Parses a body.
pub(super) fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| Error::Body(error.to_string()))
}

/// A response that is asked for again each time, and sent again only if it differs.
fn tagged(answer: &Answer, headers: &HeaderMap) -> Response {
    // A session always has a JSON text.
    let body = serde_json::to_string(answer).unwrap_or_default();
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
