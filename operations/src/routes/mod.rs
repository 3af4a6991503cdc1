//! The routes of operators, each a call of the library: JSON in and out, for every backend and every door.

mod answer;
mod request;
mod transfer;

use std::{future::Future, sync::Arc};

use axum::{
    Json, Router,
    body::{Body as HttpBody, to_bytes},
    extract::{DefaultBodyLimit, Path, Query, State},
    http::{Method, Request, StatusCode, header::CONTENT_TYPE},
    routing::{get, post},
};
use serde::Deserialize;
use tierlift_core::{
    change::Change,
    explain::RoleExplanation,
    id::{CustomerId, EventId, UserId},
    limits::{OPERATIONS_ANSWER_BYTES_MAX, REQUEST_BODY_BYTES_MAX},
    ports::LedgerFilter,
    time::Timestamp,
    wire::problem,
};
use tower::ServiceExt as _;

use crate::{
    Backend, CustomerStory, Desk, Erased, EventStory, Grant, Groups, Link, Listed, RedriveStep,
    Redriven, Rows, Shown, ShownDiscarded, ShownWaiting, Signed, Status, Traffic,
};

pub use answer::{Answer, Done, Refusal};
pub use request::{Actor, Body, ListQuery};
pub use transfer::{OwnersDoor, transfer};

/// What the routes need of the process that serves them.
pub trait Door: Send + Sync + 'static {
    /// The backend.
    type Backend: Backend + 'static;

    /// The desk at which requests are answered.
    fn desk(&self) -> &Desk<Self::Backend>;

    /// What the process knows about its own last minute.
    fn traffic(&self) -> Traffic {
        Traffic::default()
    }

    /// Pushes what an act changed to the sockets of its users, if nothing else does.
    fn push(&self, changes: &[Change]) -> impl Future<Output = ()> + Send;
}

/// Answers one request: the status and the body.
pub async fn answer(
    router: Router,
    method: Method,
    path: &str,
    body: String,
) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(path);
    let request = request.header(CONTENT_TYPE, "application/json").body(HttpBody::from(body));
    let Ok(request) = request else { return (StatusCode::BAD_REQUEST, String::new()) };
    let Ok(response) = router.oneshot(request).await;
    let (head, body) = response.into_parts();
    let bytes = to_bytes(body, OPERATIONS_ANSWER_BYTES_MAX).await.unwrap_or_default();
    (head.status, String::from_utf8_lossy(&bytes).into_owned())
}

type At<D> = State<Arc<D>>;

/// All routes for everybody who may come in, under `/operations/`.
pub fn router<D: Door>(door: Arc<D>) -> Router {
    let routes = Router::new()
        .route("/status", get(status::<D>))
        .route("/waiting", get(waiting::<D>))
        .route("/dead-letters", get(list::<D>))
        .route("/dead-letters/groups", get(groups::<D>))
        .route("/dead-letters/discarded", get(discarded::<D>))
        .route("/dead-letters/predictions", get(predictions::<D>))
        .route("/dead-letters/event/{event}", get(show::<D>))
        .route("/dead-letters/redrive", post(redrive::<D>))
        .route("/dead-letters/discard", post(discard::<D>))
        .route("/dead-letters/undiscard", post(undiscard::<D>))
        .route("/dead-letters/note", post(note::<D>))
        .route("/explain", get(explain::<D>))
        .route("/events/{event}", get(event::<D>))
        .route("/customers/{customer}", get(customer::<D>))
        .route("/ledger", get(ledger::<D>))
        .route("/link", post(link::<D>))
        .route("/grant", post(grant::<D>))
        .route("/revoke", post(revoke::<D>))
        .route("/erase", post(erase::<D>))
        .route("/pause", post(pause::<D>))
        .layer(DefaultBodyLimit::max(REQUEST_BODY_BYTES_MAX))
        .with_state(door);
    Router::new().nest("/operations", routes)
}

/// Refuses what is no route.
pub fn with_refusals(router: Router) -> Router {
    router
        .fallback(async || problem::route_not_found())
        .method_not_allowed_fallback(async || problem::method_not_allowed())
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

async fn status<D: Door>(State(door): At<D>) -> Answer<Status> {
    Ok(Json(door.desk().status(door.traffic()).await?))
}

async fn list<D: Door>(State(door): At<D>, Query(query): Query<ListQuery>) -> Answer<Vec<Listed>> {
    let (filter, _, max) = query.split();
    Ok(Json(door.desk().list(&filter, max).await?))
}

async fn groups<D: Door>(State(door): At<D>, Query(query): Query<ListQuery>) -> Answer<Groups> {
    let (filter, by, _) = query.split();
    Ok(Json(door.desk().groups(&filter, by).await?))
}

async fn waiting<D: Door>(State(door): At<D>) -> Answer<Vec<ShownWaiting>> {
    Ok(Json(door.desk().waiting().await?))
}

async fn discarded<D: Door>(State(door): At<D>) -> Answer<Vec<ShownDiscarded>> {
    Ok(Json(door.desk().discarded().await?))
}

async fn show<D: Door>(State(door): At<D>, Path(event): Path<String>) -> Answer<Shown> {
    let event = EventId::new(&event).map_err(Refusal::invalid)?;
    Ok(Json(door.desk().show(&event).await?))
}

/// One step of a dry run. It is no act.
async fn predictions<D: Door>(
    State(door): At<D>,
    Query(query): Query<ListQuery>,
) -> Answer<Redriven> {
    let (after, until) = (query.after.clone(), query.until.clone());
    let (filter, _, max) = query.split();
    let signed = Signed::default();
    let step = RedriveStep { filter, after, until, max, dry_run: true, signed };
    Ok(Json(door.desk().redrive_step(step).await?))
}

async fn redrive<D: Door>(State(door): At<D>, Body(step): Body<RedriveStep>) -> Answer<Redriven> {
    Ok(Json(door.desk().redrive_step(step).await?))
}

async fn discard<D: Door>(State(door): At<D>, Body(it): Body<OnEvent>) -> Answer<Done> {
    door.desk().discard(&it.event, &it.signed).await?;
    Ok(Done::NOTHING)
}

async fn undiscard<D: Door>(State(door): At<D>, Body(it): Body<OnEvent>) -> Answer<Done> {
    door.desk().undiscard(&it.event, &it.signed).await?;
    Ok(Done::NOTHING)
}

async fn note<D: Door>(State(door): At<D>, Body(it): Body<OnGroup>) -> Answer<Done> {
    door.desk().set_note(&it.group, &it.signed).await?;
    Ok(Done::NOTHING)
}

async fn explain<D: Door>(
    State(door): At<D>,
    Query(it): Query<UserQuery>,
) -> Answer<RoleExplanation> {
    Ok(Json(door.desk().explain(&it.user).await?))
}

async fn event<D: Door>(State(door): At<D>, Path(event): Path<String>) -> Answer<EventStory> {
    let event = EventId::new(&event).map_err(Refusal::invalid)?;
    Ok(Json(door.desk().event(&event).await?))
}

async fn customer<D: Door>(
    State(door): At<D>,
    Path(customer): Path<String>,
) -> Answer<CustomerStory> {
    let customer = CustomerId::new(&customer).map_err(Refusal::invalid)?;
    Ok(Json(door.desk().customer(&customer).await?))
}

async fn ledger<D: Door>(State(door): At<D>, Query(query): Query<LedgerQuery>) -> Answer<Rows> {
    let LedgerQuery { customer, user, since_secs, acts_only, before } = query;
    let since = since_secs.map(Timestamp::from_secs);
    let filter = LedgerFilter { customer, user, since, acts_only };
    Ok(Json(door.desk().ledger(&filter, before.as_deref()).await?))
}

async fn link<D: Door>(State(door): At<D>, Body(it): Body<Link>) -> Answer<Done> {
    let changes = door.desk().link(&it).await?;
    door.push(&changes).await;
    Ok(Json(Done { changed: changes.len() }))
}

async fn grant<D: Door>(State(door): At<D>, Body(it): Body<Grant>) -> Answer<Done> {
    let changes = door.desk().grant(&it).await?;
    door.push(&changes).await;
    Ok(Json(Done { changed: changes.len() }))
}

async fn revoke<D: Door>(State(door): At<D>, Body(it): Body<OnUser>) -> Answer<Done> {
    let changes = door.desk().revoke(&it.user, &it.signed).await?;
    door.push(&changes).await;
    Ok(Json(Done { changed: changes.len() }))
}

/// What was committed is pushed, even if the rest failed.
async fn erase<D: Door>(State(door): At<D>, Body(it): Body<OnUser>) -> Answer<Erased> {
    let mut changes = Vec::new();
    let erased = door.desk().erase(&it.user, &it.signed, &mut changes).await;
    door.push(&changes).await;
    Ok(Json(erased?))
}

async fn pause<D: Door>(State(door): At<D>, Body(it): Body<Pause>) -> Answer<Done> {
    door.desk().set_paused(it.paused, &it.signed).await?;
    Ok(Done::NOTHING)
}
