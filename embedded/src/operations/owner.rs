//! The routes that only the owner of the data file has, over the socket: they read or write what personal data is in, or a
//! file of this machine, or enqueue what nobody signed.

use std::{path::PathBuf, sync::Arc};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Query, State},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use tierlift_core::{
    ledger::{LedgerEntry, SystemEvent},
    limits::TRANSFER_BODY_BYTES_MAX,
    ports::DeadLetter,
};
use tierlift_operations::{
    Error, Imported, Line, Lines, ObjectLines, Replay, Signed, Taken,
    routes::{Answer, Body, ListQuery, Refusal},
};

use super::Operator;

type Door = State<Arc<Operator>>;

pub(super) fn router(operator: Arc<Operator>) -> Router {
    Router::new()
        .route("/operations/backup", post(backup))
        .route("/operations/dead-letters/export", get(export))
        .route("/operations/dead-letters/import", post(import))
        .route("/operations/replay", post(replay))
        .route("/operations/import", post(import_objects))
        .layer(DefaultBodyLimit::max(TRANSFER_BODY_BYTES_MAX))
        .with_state(operator)
}

#[derive(Deserialize)]
struct Backup {
    file: PathBuf,
}

/// The backup that was made.
#[derive(Serialize)]
struct BackedUp {
    file: PathBuf,
    bytes: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Import {
    lines: Vec<Line>,
    #[serde(flatten)]
    signed: Signed,
}

/// Copies the data file as it is at this moment, while it is in use, and checks the copy.
async fn backup(State(door): Door, Body(it): Body<Backup>) -> Answer<BackedUp> {
    let bytes = door.desk.backend.back_up(&it.file).await.map_err(Refusal::failed)?;
    Ok(Json(BackedUp { file: it.file, bytes }))
}

async fn export(State(door): Door, Query(query): Query<ListQuery>) -> Answer<Lines> {
    let after = query.after.clone();
    let (filter, ..) = query.split();
    Ok(Json(door.desk.export(&filter, after.as_deref()).await?))
}

/// Adds dead letters. All lines are read before the first is added.
async fn import(State(door): Door, Body(it): Body<Import>) -> Answer<Taken> {
    let act = it.signed.act()?;
    let dead_letters: Vec<DeadLetter> =
        it.lines.into_iter().map(DeadLetter::try_from).collect::<Result<_, _>>()?;
    let (subject, now) = (dead_letters.len().to_string(), door.desk.clock.now());
    let entry = LedgerEntry::for_act(SystemEvent::Imported, &subject, act, now);
    let entry = entry.ok_or_else(|| Error::Invalid(subject))?;
    let taken = door.desk.backend.import_dead_letters(dead_letters, entry).await;
    Ok(Json(taken.map_err(Error::from)?))
}

async fn import_objects(State(door): Door, Body(it): Body<ObjectLines>) -> Answer<Imported> {
    Ok(Json(door.desk.import(&it, &door.connected_accounts.current()).await?))
}

async fn replay(State(door): Door, Body(it): Body<Replay>) -> Answer<Taken> {
    Ok(Json(door.desk.replay(&it, &door.connected_accounts.current()).await?))
}
