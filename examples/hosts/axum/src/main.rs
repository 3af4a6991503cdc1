//! A host on axum: its own sessions in a cookie, and a route for those who have paid. It uses no code of tierlift's.

use std::{
    collections::HashMap,
    env,
    path::{Component, PathBuf},
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use axum::{
    Form, Json, Router,
    extract::{FromRequestParts, State},
    http::{
        HeaderMap, StatusCode, Uri,
        header::{CACHE_CONTROL, CONTENT_TYPE, COOKIE, SET_COOKIE},
        request::Parts,
    },
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::Agent;

static AGENT: LazyLock<Agent> = LazyLock::new(|| {
    Agent::config_builder().timeout_global(Some(Duration::from_secs(5))).build().new_agent()
});

/// The sessions by what is in the cookie.
#[derive(Clone, Default)]
struct Sessions(Arc<Mutex<HashMap<String, Session>>>);

/// Who is signed in, and since when.
#[derive(Clone)]
struct Session {
    user: String,
    at: u64,
}

// tierlift
async fn tierlift(path: String, body: Option<Value>) -> Result<Value, StatusCode> {
    let ask = move || {
        let url = variable("TIERLIFT_URL", "http://127.0.0.1:8787") + &path;
        let token = format!("Bearer {}", variable("TIERLIFT_SERVICE_TOKEN", ""));
        let answer = match body {
            Some(body) => AGENT.post(url).header("authorization", token).send(body.to_string()),
            None => AGENT.get(url).header("authorization", token).call(),
        };
        answer?.body_mut().read_to_string()
    };
    match tokio::task::spawn_blocking(ask).await {
        Ok(Ok(text)) => serde_json::from_str(&text).or(Err(StatusCode::SERVICE_UNAVAILABLE)),
        // This sign-in is too old, or was revoked.
        Ok(Err(ureq::Error::StatusCode(409))) => Err(StatusCode::UNAUTHORIZED),
        Ok(Err(_)) | Err(_) => Err(StatusCode::SERVICE_UNAVAILABLE),
    }
}

/// Lets those pass who have this feature now, whatever they had when they signed in.
async fn require_feature(feature: &str, session: &Session) -> Result<(), StatusCode> {
    let id = utf8_percent_encode(&session.user, NON_ALPHANUMERIC);
    let user = tierlift(format!("/v1/users/{id}?authTime={}", session.at), None).await?;
    let features = user.get("features").and_then(Value::as_array);
    let has = features.is_some_and(|features| features.iter().any(|name| name == feature));
    if has { Ok(()) } else { Err(StatusCode::FORBIDDEN) }
}

async fn token(session: Session) -> Result<impl IntoResponse, StatusCode> {
    let body = json!({ "userId": session.user, "authTime": session.at });
    let issued = tierlift("/v1/tokens".to_owned(), Some(body)).await?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(issued)))
}
// end

impl FromRequestParts<Sessions> for Session {
    type Rejection = StatusCode;

    async fn from_request_parts(
        parts: &mut Parts,
        sessions: &Sessions,
    ) -> Result<Self, StatusCode> {
        let id = cookie(&parts.headers).ok_or(StatusCode::UNAUTHORIZED)?;
        sessions.with(|sessions| sessions.get(id).cloned()).ok_or(StatusCode::UNAUTHORIZED)
    }
}

impl Sessions {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, Session>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get(COOKIE)?.to_str().ok()?;
    cookies.split("; ").find_map(|cookie| cookie.strip_prefix("session="))
}

#[derive(Deserialize)]
struct Login {
    user: String,
}

async fn login(State(sessions): State<Sessions>, Form(Login { user }): Form<Login>) -> Response {
    let mut id = [0; 16];
    if getrandom::fill(&mut id).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let id = hex::encode(id);
    let at = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
    let set = format!("session={id}; HttpOnly; SameSite=Lax");
    sessions.with(|sessions| sessions.insert(id, Session { user, at }));
    ([(SET_COOKIE, set)], Redirect::to("/")).into_response()
}

async fn logout(State(sessions): State<Sessions>, headers: HeaderMap) -> impl IntoResponse {
    if let Some(id) = cookie(&headers) {
        sessions.with(|sessions| sessions.remove(id));
    }
    (StatusCode::NO_CONTENT, [(SET_COOKIE, "session=; Max-Age=0")])
}

async fn reports(session: Session) -> Result<String, StatusCode> {
    require_feature("export", &session).await?;
    Ok(format!("the report of {}", session.user))
}

/// A file of the page.
async fn page(uri: Uri) -> Result<impl IntoResponse, StatusCode> {
    let name = uri.path().trim_start_matches('/');
    let name = PathBuf::from(if name.is_empty() { "index.html" } else { name });
    if !name.components().all(|component| matches!(component, Component::Normal(_))) {
        return Err(StatusCode::NOT_FOUND);
    }
    let kind =
        if name.extension().is_some_and(|kind| kind == "js") { "javascript" } else { "html" };
    let path = PathBuf::from(variable("PAGE", "../page")).join(name);
    let content = tokio::fs::read(path).await.map_err(|_| StatusCode::NOT_FOUND)?;
    Ok(([(CONTENT_TYPE, format!("text/{kind}; charset=utf-8"))], content))
}

fn variable(name: &str, otherwise: &str) -> String {
    env::var(name).unwrap_or_else(|_| otherwise.to_owned())
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let app = Router::new()
        .route("/token", get(token))
        .route("/login", post(login))
        .route("/logout", post(logout))
        .route("/reports", get(reports))
        .fallback(page)
        .with_state(Sessions::default());
    let address = format!("127.0.0.1:{}", variable("PORT", "3000"));
    axum::serve(tokio::net::TcpListener::bind(address).await?, app).await
}
