//! The demo's routes: requests parsed into types, and their responses.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Json, Router,
    extract::{DefaultBodyLimit, Path, State, rejection::JsonRejection},
    http::StatusCode,
    middleware::from_fn,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::json;
use tierlift_core::{
    codes::Code,
    id::UserId,
    limits::REQUEST_BODY_BYTES_MAX,
    wire::{problem, session::Session},
};
use tierlift_embedded::Db;
use tierlift_session::RequireRole;

use super::{
    actions::{Action, DemoSimulator, Error},
    assets, local,
};
use crate::limits::{DEMO_DELAY_MS, DEMO_DELAY_MS_MAX, DEMO_DELAYED_MAX};

/// All routes. `/demo/premium` is guarded.
pub(super) fn router(simulator: Arc<DemoSimulator>, guard: RequireRole<Db>) -> Router {
    let premium = Router::new().route("/demo/premium", get(premium)).layer(guard);
    Router::new()
        .route("/demo", get(|| async { assets::page() }))
        .route("/demo/", get(|| async { assets::page() }))
        .route("/demo/plain", get(|| async { assets::plain_page() }))
        .route("/demo/{file}", get(file))
        .route("/demo/assets/{*file}", get(asset))
        .route("/demo/login", post(login))
        .route("/demo/simulate", post(simulate))
        .layer(DefaultBodyLimit::max(REQUEST_BODY_BYTES_MAX))
        .with_state(simulator)
        .merge(premium)
        .layer(from_fn(local::only_local_pages))
}

async fn file(Path(file): Path<String>) -> Response {
    assets::file(&file)
}

async fn asset(Path(file): Path<String>) -> Response {
    assets::file(&format!("assets/{file}"))
}

/// A refused request: its status, its stable code, and a detail for people.
struct Refusal(StatusCode, Code, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, code, detail) = self;
        problem::response(status, code, &detail).into_response()
    }
}

impl From<JsonRejection> for Refusal {
    fn from(error: JsonRejection) -> Self {
        let code = match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Code::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::ContentTypeUnsupported,
            _ => Code::BodyInvalid,
        };
        // JSON of the wrong shape is refused like a body that is no JSON.
        let status = match error.status() {
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            status => status,
        };
        Self(status, code, error.body_text())
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let (status, code) = match &error {
            Error::NoSubscription(_) => (StatusCode::CONFLICT, Code::SubscriptionMissing),
            Error::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, Code::StoreUnavailable),
            Error::Send(_) | Error::Task(_) => (StatusCode::BAD_GATEWAY, Code::WebhookRefused),
        };
        Self(status, code, error.to_string())
    }
}

fn parse_user(text: &str) -> Result<UserId, Refusal> {
    let invalid =
        |error| Refusal(StatusCode::BAD_REQUEST, Code::UserInvalid, format!("userId: {error}"));
    UserId::new(text).map_err(|error| invalid(error.to_string()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Login {
    user_id: String,
}

async fn login(
    State(simulator): State<Arc<DemoSimulator>>,
    body: Result<Json<Login>, JsonRejection>,
) -> Result<Response, Refusal> {
    let Json(login) = body?;
    let user = parse_user(&login.user_id)?;
    Ok(match simulator.access.issue(&user).await {
        Ok(issued) => Json(issued).into_response(),
        Err(error) => error.into_response(),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Simulate {
    user_id: String,
    action: String,
    /// For `slow`: time until its webhooks are sent.
    delay_ms: Option<u64>,
}

async fn simulate(
    State(simulator): State<Arc<DemoSimulator>>,
    body: Result<Json<Simulate>, JsonRejection>,
) -> Result<Response, Refusal> {
    let Json(request) = body?;
    let user = parse_user(&request.user_id)?;
    let events = match &request.action[..] {
        "upgrade" => simulator.run(&user, Action::Upgrade).await?,
        "downgrade" => simulator.run(&user, Action::Downgrade).await?,
        "past_due" => simulator.run(&user, Action::PastDue).await?,
        "storm" => simulator.run(&user, Action::Storm).await?,
        "slow" => upgrade_later(simulator, user, request.delay_ms.unwrap_or(DEMO_DELAY_MS)).await?,
        _ => {
            let detail = "an action is upgrade, downgrade, past_due, storm or slow".to_owned();
            return Err(Refusal(StatusCode::BAD_REQUEST, Code::ActionUnknown, detail));
        }
    };
    Ok((StatusCode::ACCEPTED, Json(json!({ "status": "sent", "events": events }))).into_response())
}

/// Answers at once and sends the upgrade's webhooks later, as Stripe sometimes does.
async fn upgrade_later(
    simulator: Arc<DemoSimulator>,
    user: UserId,
    delay_ms: u64,
) -> Result<usize, Refusal> {
    if delay_ms > DEMO_DELAY_MS_MAX {
        let detail = format!("delayMs is at most {DEMO_DELAY_MS_MAX}, not {delay_ms}");
        return Err(Refusal(StatusCode::BAD_REQUEST, Code::DelayInvalid, detail));
    }
    let Ok(permit) = Arc::clone(&simulator.delayed).try_acquire_owned() else {
        let detail =
            format!("{DEMO_DELAYED_MAX} delayed upgrades are waiting already; try again later");
        return Err(Refusal(StatusCode::SERVICE_UNAVAILABLE, Code::DelaysExhausted, detail));
    };
    let events = simulator.upgrade_size(&user).await?;
    tokio::spawn(async move {
        let _permit = permit;
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        if let Err(error) = simulator.run(&user, Action::Upgrade).await {
            tracing::warn!(user = %user, %error, "delayed upgrade failed");
        }
    });
    Ok(events)
}

async fn premium(Extension(session): Extension<Session>) -> Response {
    Json(json!({
        "message": "This is for paying users.",
        "userId": session.user_id,
        "role": session.role,
    }))
    .into_response()
}
