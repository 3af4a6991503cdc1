//! What operators see and do about webhooks to the host: what waits, which are dead, and a redrive of those.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Query, State},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use tierlift_core::{
    ledger::{LedgerEntry, SystemEvent},
    limits::DEAD_WEBHOOKS_PAGE_MAX,
    webhook,
};
use tierlift_operations::{
    Error, Signed,
    routes::{Answer, Body},
};

use super::Operator;
use crate::db::webhook::{Dead, Waiting};

type Door = State<Arc<Operator>>;

pub(super) fn router(operator: Arc<Operator>) -> Router {
    Router::new()
        .route("/operations/webhooks", get(status))
        .route("/operations/webhooks/dead", get(dead))
        .route("/operations/webhooks/redrive", post(redrive))
        .route("/operations/webhooks/discard", post(discard))
        .with_state(operator)
}

/// How webhooks to the host are.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    pending: u64,
    users: u64,
    oldest_age_secs: Option<u64>,
    error: Option<String>,
    dead: u64,
}

/// A dead webhook.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: String,
    sequence: u64,
    user: String,
    r#type: &'static str,
    changed_at: String,
    failed_at: String,
    attempts: u32,
    error: String,
}

/// A page of dead webhooks, and where the next one begins.
#[derive(Serialize)]
struct Page {
    rows: Vec<Row>,
    next: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageQuery {
    #[serde(default)]
    after: u64,
}

#[derive(Deserialize)]
struct OnWebhooks {
    ids: Vec<String>,
    #[serde(flatten)]
    signed: Signed,
}

/// How many of them there were.
#[derive(Serialize)]
struct Counted {
    count: usize,
}

async fn status(State(door): Door) -> Answer<Status> {
    let waiting = door.desk.backend.webhooks_waiting().await.map_err(Error::from)?;
    let Waiting { pending, users, oldest, error, dead } = waiting;
    let now = door.desk.clock.now();
    let oldest_age_secs = oldest.map(|at| now.since(at).as_secs());
    Ok(Json(Status { pending, users, oldest_age_secs, error, dead }))
}

async fn dead(State(door): Door, Query(PageQuery { after }): Query<PageQuery>) -> Answer<Page> {
    let dead = door.desk.backend.dead_webhooks(after, DEAD_WEBHOOKS_PAGE_MAX).await;
    let rows: Vec<Row> = dead.map_err(Error::from)?.into_iter().map(Row::from).collect();
    let is_full = rows.len() == DEAD_WEBHOOKS_PAGE_MAX;
    let next = rows.last().filter(|_| is_full).map(|row| row.sequence);
    Ok(Json(Page { rows, next }))
}

async fn redrive(State(door): Door, Body(it): Body<OnWebhooks>) -> Answer<Counted> {
    let entry = entry(&door, SystemEvent::WebhooksRedriven, &it)?;
    let count = door.desk.backend.redrive_webhooks(it.ids, entry).await.map_err(Error::from)?;
    Ok(Json(Counted { count }))
}

async fn discard(State(door): Door, Body(it): Body<OnWebhooks>) -> Answer<Counted> {
    let entry = entry(&door, SystemEvent::WebhooksDiscarded, &it)?;
    let count = door.desk.backend.discard_webhooks(it.ids, entry).await.map_err(Error::from)?;
    Ok(Json(Counted { count }))
}

fn entry(door: &Operator, kind: SystemEvent, it: &OnWebhooks) -> Result<LedgerEntry, Error> {
    let subject = it.ids.len().to_string();
    let entry = LedgerEntry::for_act(kind, &subject, it.signed.act()?, door.desk.clock.now());
    entry.ok_or(Error::Invalid(subject))
}

impl From<Dead> for Row {
    fn from(dead: Dead) -> Self {
        let Dead { webhook, failed_at, attempts, error } = dead;
        Self {
            id: webhook.id,
            sequence: webhook.position,
            user: webhook.change.user.as_str().to_owned(),
            r#type: webhook::kind(&webhook.change),
            changed_at: webhook.change.at.to_string(),
            failed_at: failed_at.to_string(),
            attempts,
            error,
        }
    }
}
