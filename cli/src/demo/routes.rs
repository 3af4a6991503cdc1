//! The demo's routes: what is asked, checked into a type, and what is answered.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Json, Router,
    extract::{DefaultBodyLimit, Path, State, rejection::JsonRejection},
    http::StatusCode,
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
    assets,
    play::{Action, Error, SLOW_MAX, Stage},
};

/// How long a slow webhook waits, where nobody says.
const DELAY_MS: u64 = 8_000;
/// How long it may wait.
const DELAY_MAX_MS: u64 = 60_000;

/// The routes, of which one is guarded.
pub(super) fn router(stage: Arc<Stage>, guard: RequireRole<Db>) -> Router {
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
        .with_state(stage)
        .merge(premium)
}

async fn file(Path(file): Path<String>) -> Response {
    assets::file(&file)
}

async fn asset(Path(file): Path<String>) -> Response {
    assets::file(&format!("assets/{file}"))
}

/// Why a request is refused before anything happens. Each has a stable code.
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
        // A body of the wrong shape is as bad a request as one that is no JSON.
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
            Error::Refused(_) => (StatusCode::BAD_GATEWAY, Code::WebhookRefused),
        };
        Self(status, code, error.to_string())
    }
}

fn user(text: &str) -> Result<UserId, Refusal> {
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
    State(stage): State<Arc<Stage>>,
    body: Result<Json<Login>, JsonRejection>,
) -> Result<Response, Refusal> {
    let Json(login) = body?;
    let user = user(&login.user_id)?;
    Ok(match stage.access.issue(&user).await {
        Ok(issued) => Json(issued).into_response(),
        Err(error) => error.into_response(),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Simulate {
    user_id: String,
    action: String,
    /// For `slow`: how long its webhooks wait.
    delay_ms: Option<u64>,
}

async fn simulate(
    State(stage): State<Arc<Stage>>,
    body: Result<Json<Simulate>, JsonRejection>,
) -> Result<Response, Refusal> {
    let Json(request) = body?;
    let user = user(&request.user_id)?;
    let events = match &request.action[..] {
        "upgrade" => stage.play(&user, Action::Upgrade).await?,
        "downgrade" => stage.play(&user, Action::Downgrade).await?,
        "past_due" => stage.play(&user, Action::PastDue).await?,
        "storm" => stage.play(&user, Action::Storm).await?,
        "slow" => slowly(stage, user, request.delay_ms.unwrap_or(DELAY_MS)).await?,
        other => {
            let detail = format!(
                "action {other:?} is unknown; allowed: upgrade, downgrade, past_due, storm, slow"
            );
            return Err(Refusal(StatusCode::BAD_REQUEST, Code::ActionUnknown, detail));
        }
    };
    Ok((StatusCode::ACCEPTED, Json(json!({ "status": "sent", "events": events }))).into_response())
}

/// Answers at once; the upgrade's webhooks come later, as Stripe's sometimes do.
async fn slowly(stage: Arc<Stage>, user: UserId, delay_ms: u64) -> Result<usize, Refusal> {
    if delay_ms > DELAY_MAX_MS {
        let detail = format!("delayMs is at most {DELAY_MAX_MS}, not {delay_ms}");
        return Err(Refusal(StatusCode::BAD_REQUEST, Code::DelayInvalid, detail));
    }
    let Ok(waiting) = Arc::clone(&stage.waiting).try_acquire_owned() else {
        let detail = format!("{SLOW_MAX} slow upgrades are waiting; try again when some are done");
        return Err(Refusal(StatusCode::SERVICE_UNAVAILABLE, Code::DelaysExhausted, detail));
    };
    let events = stage.upgrade_size(&user).await?;
    tokio::spawn(async move {
        let _waiting = waiting;
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        if let Err(error) = stage.play(&user, Action::Upgrade).await {
            tracing::warn!(user = %user, %error, "a slow upgrade did not happen");
        }
    });
    Ok(events)
}

async fn premium(Extension(session): Extension<Session>) -> Response {
    Json(json!({
        "message": "This answer is for those who pay.",
        "userId": session.user_id,
        "role": session.role,
    }))
    .into_response()
}
