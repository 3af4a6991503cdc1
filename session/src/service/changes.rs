//! `GET /v1/changes`: committed changes in the order of their commits, for hosts that follow them. Nothing is
//! remembered of who follows: a host keeps the cursor of what it has worked on, and asks for what comes after.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Query, State, rejection::QueryRejection},
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use tierlift_core::{
    codes::Code,
    limits::{CHANGES_PER_ANSWER_MAX, CHANGES_WAIT_SECS_MAX},
    ports::{ChangeLog, Cursor, CursorError, LoggedChange, StoreError},
    shared::Shared,
    token::ServiceTokens,
    wire::{frame::notice, problem},
};
use tokio::time::timeout;

use super::guard;

/// Instead of a cursor: the end of the log.
const LATEST: &str = "latest";

/// Why there are no changes to send.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("ask for after=CURSOR and wait=SECONDS, at most {CHANGES_WAIT_SECS_MAX}")]
    Query,
    #[error(transparent)]
    Cursor(#[from] CursorError),
    #[error(
        "what followed this cursor is not kept; ask for all users, and go on from after=latest"
    )]
    Expired,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, code) = match self {
            Self::Query | Self::Cursor(_) => (StatusCode::BAD_REQUEST, Code::QueryInvalid),
            Self::Expired => (StatusCode::GONE, Code::CursorExpired),
            Self::Store(error) => return crate::Error::from(error).into_response(),
        };
        problem::response(status, code, &self.to_string()).into_response()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    after: Option<String>,
    #[serde(default)]
    wait: u64,
}

/// The route, for those who have one of the tokens.
pub fn router<L: ChangeLog + 'static>(log: Arc<L>, tokens: Shared<ServiceTokens>) -> Router {
    Router::new()
        .route("/v1/changes", get(changes::<L>))
        .with_state(log)
        .method_not_allowed_fallback(async || problem::method_not_allowed())
        .route_layer(from_fn_with_state(tokens, guard))
}

async fn changes<L: ChangeLog>(
    State(log): State<Arc<L>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Error> {
    let Query(Asked { after, wait }) = asked.map_err(|_| Error::Query)?;
    if wait > CHANGES_WAIT_SECS_MAX {
        return Err(Error::Query);
    }
    let after: Option<Cursor> = match after.as_deref() {
        Some(LATEST) => return Ok(answer(&[], log.latest_change().await?)),
        Some(text) => Some(text.parse()?),
        None => None,
    };
    let read = async || {
        let changes = log.changes_after(after, CHANGES_PER_ANSWER_MAX).await?;
        changes.ok_or(Error::Expired)
    };
    let place = after.unwrap_or_default();
    let mut changes = read().await?;
    if changes.is_empty() && wait > 0 {
        // At the end of the time, too, what there is then is sent.
        let _ = timeout(Duration::from_secs(wait), log.wait_for_change(place)).await;
        changes = read().await?;
    }
    let cursor = changes.last().map_or(place, |last| last.cursor);
    Ok(answer(&changes, cursor))
}

/// The changes as the frames of sockets have them, and the place behind the last one.
fn answer(changes: &[LoggedChange], cursor: Cursor) -> Response {
    let notices: Vec<String> = changes.iter().map(|logged| notice(&logged.change)).collect();
    let body = format!(r#"{{"changes":[{}],"cursor":"{cursor}"}}"#, notices.join(","));
    ([(CACHE_CONTROL, "no-store"), (CONTENT_TYPE, "application/json")], body).into_response()
}
