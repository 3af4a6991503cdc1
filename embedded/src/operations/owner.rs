//! The routes that only the owner of the data file has, over the socket: beside those of every owner, the backup, which
//! writes a file of this machine, and the import of objects.

use std::{path::PathBuf, sync::Arc};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    routing::post,
};
use serde::{Deserialize, Serialize};
use tierlift_core::limits::TRANSFER_BODY_BYTES_MAX;
use tierlift_operations::{
    Imported, ObjectLines,
    routes::{Answer, Body, Refusal, transfer},
};

use super::Operator;

type Door = State<Arc<Operator>>;

pub(super) fn router(operator: Arc<Operator>) -> Router {
    Router::new()
        .route("/operations/backup", post(backup))
        .route("/operations/import", post(import_objects))
        .layer(DefaultBodyLimit::max(TRANSFER_BODY_BYTES_MAX))
        .with_state(Arc::clone(&operator))
        .merge(transfer(operator))
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

/// Copies the data file as it is at this moment, while it is in use, and checks the copy.
async fn backup(State(door): Door, Body(it): Body<Backup>) -> Answer<BackedUp> {
    let bytes = door.desk.backend.back_up(&it.file).await.map_err(Refusal::failed)?;
    Ok(Json(BackedUp { file: it.file, bytes }))
}

async fn import_objects(State(door): Door, Body(it): Body<ObjectLines>) -> Answer<Imported> {
    Ok(Json(door.desk.import(&it, &door.connected_accounts.current()).await?))
}
