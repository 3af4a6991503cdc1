//! The routes of operators, each a call of the library.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, Query, State},
    routing::{get, post},
};
use serde::Deserialize;
use tierlift_core::{
    explain::RoleExplanation,
    id::{CustomerId, EventId, UserId},
    limits::REQUEST_BODY_BYTES_MAX,
    ports::LedgerFilter,
    time::Timestamp,
    wire::problem,
};
use tierlift_operations::{
    CustomerStory, EventStory, Grant, Groups, Link, Listed, RedriveStep, Redriven, Rows, Shown,
    ShownDiscarded, Signed, Status,
};

use super::{
    Operator,
    answer::{Answer, Done, Refusal},
    owner,
    request::{Body, Door, ListQuery},
};

/// All routes, for the owner of the data file.
pub(super) fn router(operator: Arc<Operator>) -> Router {
    shared(Arc::clone(&operator))
        .merge(owner::router(operator))
        .fallback(async || problem::route_not_found())
        .method_not_allowed_fallback(async || problem::method_not_allowed())
}

/// The routes for everybody who may come in.
pub(super) fn shared(operator: Arc<Operator>) -> Router {
    let routes = Router::new()
        .route("/status", get(status))
        .route("/dead-letters", get(list))
        .route("/dead-letters/groups", get(groups))
        .route("/dead-letters/discarded", get(discarded))
        .route("/dead-letters/predictions", get(predictions))
        .route("/dead-letters/event/{event}", get(show))
        .route("/dead-letters/redrive", post(redrive))
        .route("/dead-letters/discard", post(discard))
        .route("/dead-letters/undiscard", post(undiscard))
        .route("/dead-letters/note", post(note))
        .route("/explain", get(explain))
        .route("/events/{event}", get(event))
        .route("/customers/{customer}", get(customer))
        .route("/ledger", get(ledger))
        .route("/link", post(link))
        .route("/grant", post(grant))
        .route("/revoke", post(revoke))
        .route("/pause", post(pause))
        .layer(DefaultBodyLimit::max(REQUEST_BODY_BYTES_MAX))
        .with_state(operator);
    Router::new().nest("/operations", routes)
}

/// Which rows of the ledger to list, as a query.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct LedgerQuery {
    customer: Option<CustomerId>,
    user: Option<UserId>,
    since_secs: Option<i64>,
    acts_only: bool,
    before: Option<String>,
}

#[derive(Deserialize)]
struct UserQuery {
    user: UserId,
}

#[derive(Deserialize)]
struct OnEvent {
    event: EventId,
    #[serde(flatten)]
    signed: Signed,
}

#[derive(Deserialize)]
struct OnUser {
    user: UserId,
    #[serde(flatten)]
    signed: Signed,
}

#[derive(Deserialize)]
struct OnGroup {
    group: String,
    #[serde(flatten)]
    signed: Signed,
}

#[derive(Deserialize)]
struct Pause {
    paused: bool,
    #[serde(flatten)]
    signed: Signed,
}

async fn status(State(door): Door) -> Answer<Status> {
    Ok(Json(door.desk.status().await?))
}

async fn list(State(door): Door, Query(query): Query<ListQuery>) -> Answer<Vec<Listed>> {
    let (filter, _, max) = query.split();
    Ok(Json(door.desk.list(&filter, max).await?))
}

async fn groups(State(door): Door, Query(query): Query<ListQuery>) -> Answer<Groups> {
    let (filter, by, _) = query.split();
    Ok(Json(door.desk.groups(&filter, by).await?))
}

async fn discarded(State(door): Door) -> Answer<Vec<ShownDiscarded>> {
    Ok(Json(door.desk.discarded().await?))
}

async fn show(State(door): Door, Path(event): Path<String>) -> Answer<Shown> {
    let event = EventId::new(&event).map_err(Refusal::invalid)?;
    Ok(Json(door.desk.show(&event).await?))
}

/// One step of a dry run. It is no act.
async fn predictions(State(door): Door, Query(query): Query<ListQuery>) -> Answer<Redriven> {
    let (after, until) = (query.after.clone(), query.until.clone());
    let (filter, _, max) = query.split();
    let signed = Signed::default();
    let step = RedriveStep { filter, after, until, max, dry_run: true, signed };
    Ok(Json(door.desk.redrive_step(step).await?))
}

async fn redrive(State(door): Door, Body(step): Body<RedriveStep>) -> Answer<Redriven> {
    Ok(Json(door.desk.redrive_step(step).await?))
}

async fn discard(State(door): Door, Body(it): Body<OnEvent>) -> Answer<Done> {
    door.desk.discard(&it.event, &it.signed).await?;
    Ok(Done::NOTHING)
}

async fn undiscard(State(door): Door, Body(it): Body<OnEvent>) -> Answer<Done> {
    door.desk.undiscard(&it.event, &it.signed).await?;
    Ok(Done::NOTHING)
}

async fn note(State(door): Door, Body(it): Body<OnGroup>) -> Answer<Done> {
    door.desk.set_note(&it.group, &it.signed).await?;
    Ok(Done::NOTHING)
}

async fn explain(State(door): Door, Query(it): Query<UserQuery>) -> Answer<RoleExplanation> {
    Ok(Json(door.desk.explain(&it.user).await?))
}

async fn event(State(door): Door, Path(event): Path<String>) -> Answer<EventStory> {
    let event = EventId::new(&event).map_err(Refusal::invalid)?;
    Ok(Json(door.desk.event(&event).await?))
}

async fn customer(State(door): Door, Path(customer): Path<String>) -> Answer<CustomerStory> {
    let customer = CustomerId::new(&customer).map_err(Refusal::invalid)?;
    Ok(Json(door.desk.customer(&customer).await?))
}

async fn ledger(State(door): Door, Query(query): Query<LedgerQuery>) -> Answer<Rows> {
    let LedgerQuery { customer, user, since_secs, acts_only, before } = query;
    let since = since_secs.map(Timestamp::from_secs);
    let filter = LedgerFilter { customer, user, since, acts_only };
    Ok(Json(door.desk.ledger(&filter, before.as_deref()).await?))
}

async fn link(State(door): Door, Body(it): Body<Link>) -> Answer<Done> {
    let changes = door.desk.link(&it).await?;
    door.push(&changes).await;
    Ok(Json(Done { changed: changes.len() }))
}

async fn grant(State(door): Door, Body(it): Body<Grant>) -> Answer<Done> {
    let changes = door.desk.grant(&it).await?;
    door.push(&changes).await;
    Ok(Json(Done { changed: changes.len() }))
}

async fn revoke(State(door): Door, Body(it): Body<OnUser>) -> Answer<Done> {
    let changes = door.desk.revoke(&it.user, &it.signed).await?;
    door.push(&changes).await;
    Ok(Json(Done { changed: changes.len() }))
}

async fn pause(State(door): Door, Body(it): Body<Pause>) -> Answer<Done> {
    door.desk.set_paused(it.paused, &it.signed).await?;
    Ok(Done::NOTHING)
}
