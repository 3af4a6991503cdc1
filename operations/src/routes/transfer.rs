//! The routes that only the owner of a deployment has: they read or write what personal data is in, or enqueue what nobody
//! signed. So they are on the socket beside the data file, and on AWS behind the operator's own credentials.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Query, State},
    routing::{get, post},
};
use serde::Deserialize;
use tierlift_core::{limits::TRANSFER_BODY_BYTES_MAX, ports::Enqueue};

use super::{Answer, Body, Door, ListQuery};
use crate::{Line, Lines, Replay, Signed, Taken};

/// A door for the owner of a deployment.
pub trait OwnersDoor: Door<Backend: Enqueue> {
    /// Connected accounts whose events count.
    fn connected_accounts(&self) -> Vec<String>;
}

/// The routes of the owner, under `/operations/`.
pub fn transfer<D: OwnersDoor>(door: Arc<D>) -> Router {
    Router::new()
        .route("/operations/dead-letters/export", get(export::<D>))
        .route("/operations/dead-letters/import", post(import::<D>))
        .route("/operations/replay", post(replay::<D>))
        .layer(DefaultBodyLimit::max(TRANSFER_BODY_BYTES_MAX))
        .with_state(door)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Import {
    lines: Vec<Line>,
    #[serde(flatten)]
    signed: Signed,
}

async fn export<D: OwnersDoor>(
    State(door): State<Arc<D>>,
    Query(query): Query<ListQuery>,
) -> Answer<Lines> {
    let after = query.after.clone();
    let (filter, ..) = query.split();
    Ok(Json(door.desk().export(&filter, after.as_deref()).await?))
}

async fn import<D: OwnersDoor>(
    State(door): State<Arc<D>>,
    Body(it): Body<Import>,
) -> Answer<Taken> {
    Ok(Json(door.desk().import_dead_letters(it.lines, &it.signed).await?))
}

async fn replay<D: OwnersDoor>(
    State(door): State<Arc<D>>,
    Body(it): Body<Replay>,
) -> Answer<Taken> {
    Ok(Json(door.desk().replay(&it, &door.connected_accounts()).await?))
}
