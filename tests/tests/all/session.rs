//! Tokens: who they let in, when they are stale, and how they are renewed.

use std::{
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Extension, Json, Router, routing::get};
use futures_util::StreamExt as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};
use tierlift_core::{
    id::RevocationId,
    ledger::Act,
    limits::{TOKEN_CLOCK_SKEW_SECS, TOKEN_TTL_SECS},
    ports::Store,
    time::Timestamp,
    token::{Secret, TokenConfig, TokenKeys},
    wire::session::Session,
};
use tierlift_embedded::{Registry, Server, revoke};
use tierlift_testkit::{
    facts::{event_id, user_id},
    harness::{client::Request, token_secret},
};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;

use crate::server::{START, TestServer};

/// Waits until the user's role has changed so often.
async fn settled(server: &TestServer, user: &str, rev: u64) {
    let mut socket = server.socket(&server.token(user, rev)).await;
    socket.reach(rev).await;
}

#[tokio::test]
async fn a_session_says_who_one_is_and_until_when() {
    let server = TestServer::start().await;
    let answer = server.get("/session", &server.token("ada", 0)).await;
    answer.assert(200, "");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(
        answer.json(),
        json!({
            "userId": "ada", "role": "free", "features": [], "status": null,
            "subscriptionActive": false, "subscriptionExpiresAt": null, "trialEndsAt": null,
            "cancelAt": null, "pastDueSince": null, "roleAssignedAt": null,
            "roles": ["free", "paid", "operator"], "epoch": 0, "revocationId": 0,
            "accountVersion": 0,
        })
    );
    server.subscription("ada", "active").await;
    settled(&server, "ada", 1).await;
    let session = server.get("/session", &server.token("ada", 1)).await.json();
    assert_eq!((&session["role"], &session["revocationId"]), (&json!("paid"), &json!(1)));
    assert_eq!((&session["status"], &session["accountVersion"]), (&json!("active"), &json!(1)));
    assert_eq!(session["subscriptionActive"], true);
    assert_eq!(session["subscriptionExpiresAt"], START.plus_secs(1).plus_days(30).to_string());
    assert_eq!(session["roleAssignedAt"], START.plus_secs(1).to_string());
}

#[tokio::test]
async fn a_token_is_refused_with_the_reason() {
    let server = TestServer::start().await;
    server.subscription("ada", "active").await;
    settled(&server, "ada", 1).await;
    let mint = |secret: &Secret, rev, at| secret.mint(&user_id("ada"), RevocationId(rev), at);
    let other = Secret::new("another secret of thirty-two bytes").unwrap();
    let good = server.token("ada", 1);
    let cut = &good[..good.len() - 2];
    let expired =
        mint(&token_secret(), 1, START.plus_secs(1 - TOKEN_TTL_SECS - TOKEN_CLOCK_SKEW_SECS));
    for (token, code) in [
        ("", "token.missing"),
        ("garbage", "token.invalid"),
        (cut, "token.invalid"),
        (&mint(&other, 1, START), "token.invalid"),
        (&expired, "token.expired"),
        (&server.token("ada", 0), "token.stale"),
    ] {
        let answer = server.get("/session", token).await;
        answer.assert(401, code);
        assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
        let refreshed = server.send(Request::new("POST", "/session/refresh").bearer(token)).await;
        match code {
            "token.stale" => refreshed.assert(200, ""),
            _ => refreshed.assert(401, code),
        }
    }
    let basic = Request::new("GET", "/session").header("authorization", "Basic YTpi");
    server.send(basic).await.assert(401, "token.missing");
}

#[tokio::test]
async fn a_stale_token_is_exchanged_for_one_that_knows_the_role() {
    let server = TestServer::start().await;
    let old = server.token("ada", 0);
    server.subscription("ada", "active").await;
    settled(&server, "ada", 1).await;
    let answer = server.send(Request::new("POST", "/session/refresh").bearer(&old)).await;
    answer.assert(200, "");
    let refreshed = answer.json();
    assert_eq!(refreshed["expiresIn"], TOKEN_TTL_SECS);
    assert_eq!(refreshed["user"]["role"], "paid");
    let new = refreshed["accessToken"].as_str().unwrap();
    let session = server.get("/session", new).await;
    session.assert(200, "");
    assert_eq!(session.json(), refreshed["user"]);
    server.pass_secs(TOKEN_TTL_SECS + TOKEN_CLOCK_SKEW_SECS);
    server.get("/session", new).await.assert(401, "token.expired");
}

#[tokio::test]
async fn revoked_tokens_count_no_more_and_their_sockets_end() {
    let parts = OnceLock::new();
    let keep = |server: Server| {
        parts.set((Arc::clone(server.access()), server.sockets().clone())).ok();
        server
    };
    let server = TestServer::start_with(|_| {}, keep).await;
    let (access, sockets) = parts.get().unwrap();
    let stolen = server.token("ada", 0);
    let mut socket = server.socket(&stolen).await;
    let [mut others] = server.sockets(["bob"]).await;
    let act = Act::new("support@example.com", "laptop stolen").unwrap();
    revoke(access, sockets, &user_id("ada"), &act).await.unwrap();
    assert_eq!(u16::from(socket.closed().await.unwrap().code), 4003);
    others.sync().await;
    for path in ["/session", "/session/confirm", "/session/refresh"] {
        let method = if path == "/session" { "GET" } else { "POST" };
        let request = Request::new(method, path).bearer(&stolen);
        server.send(request).await.assert(401, "token.revoked");
    }
    server.get("/session", &server.token("bob", 0)).await.assert(200, "");
    let row = server.db.ledger(&event_id("tierlift.tokens.revoked.1.ada")).await.unwrap().unwrap();
    assert_eq!(row.act.as_ref(), Some(&act));
    // Who signs in again is let in.
    server.pass_secs(1);
    let fresh = server.token("ada", 0);
    server.get("/session", &fresh).await.assert(200, "");
    let mut socket = server.socket(&fresh).await;
    socket.sync().await;
    // A socket that was not listed when its tokens were revoked ends with its next question.
    revoke(access, &Registry::default(), &user_id("ada"), &act).await.unwrap();
    socket.say(r#"{"action":"sync"}"#).await;
    assert_eq!(u16::from(socket.closed().await.unwrap().code), 4003);
}

#[tokio::test]
async fn a_socket_ends_with_its_token() {
    let ping = |settings: &mut tierlift_embedded::Settings| {
        settings.timeouts.socket_ping = Duration::from_millis(64);
    };
    let server = TestServer::start_with(ping, |server| server).await;
    let [mut idle] = server.sockets(["ada"]).await;
    server.pass_secs(TOKEN_TTL_SECS + TOKEN_CLOCK_SKEW_SECS - 1);
    idle.sync().await;
    server.pass_secs(1);
    let end = idle.closed().await.unwrap();
    assert_eq!((u16::from(end.code), end.reason.as_str()), (4001, "token_expired"));

    // Nothing is served in between: neither an answer nor a notice.
    let server = TestServer::start().await;
    let [mut asking, mut listening] = server.sockets(["ada", "bob"]).await;
    server.pass_secs(TOKEN_TTL_SECS + TOKEN_CLOCK_SKEW_SECS);
    asking.say(r#"{"action":"sync"}"#).await;
    server.subscription("bob", "active").await;
    for socket in [&mut asking, &mut listening] {
        let mut frame = socket.wire.next().await.unwrap().unwrap();
        while frame.is_ping() {
            frame = socket.wire.next().await.unwrap().unwrap();
        }
        let Message::Close(Some(end)) = frame else { panic!("{frame:?}") };
        assert_eq!(u16::from(end.code), 4001);
    }
}

async fn premium(Extension(session): Extension<Session>) -> Json<Session> {
    Json(session)
}

#[tokio::test]
async fn a_guarded_route_asks_the_account_and_not_the_token() {
    let server = TestServer::start_with(
        |_| {},
        |server| {
            assert!(server.guard("paied").is_err(), "a guard that knows no role lets nobody start");
            let guard = server.guard("paid").unwrap();
            server.with_routes(Router::new().route("/premium", get(premium)).layer(guard))
        },
    )
    .await;
    for (token, status, code) in [
        (String::new(), 401, "token.missing"),
        ("garbage".to_owned(), 401, "token.invalid"),
        (server.token("ada", 0), 403, "role.required"),
    ] {
        server.get("/premium", &token).await.assert(status, code);
    }
    server.subscription("ada", "active").await;
    settled(&server, "ada", 1).await;
    server.get("/premium", &server.token("ada", 0)).await.assert(401, "token.stale");
    let answer = server.get("/premium", &server.token("ada", 1)).await;
    answer.assert(200, "");
    assert_eq!(answer.json()["userId"], "ada");

    // No webhook comes any more: 30 days, and 3 of grace.
    server.pass_secs(33 * 86_400 - 1);
    server.get("/premium", &server.token("ada", 1)).await.assert(200, "");
    server.pass_secs(2);
    let refreshed =
        server.send(Request::new("POST", "/session/refresh").bearer(&server.token("ada", 1)));
    let token = refreshed.await.json()["accessToken"].as_str().unwrap().to_owned();
    server.get("/premium", &token).await.assert(403, "role.required");
    server.get("/premium/more", "").await.assert(404, "route.not_found");
}

pub(super) const ISSUER: &str = "https://issuer.example.com/";

/// An issuer that serves its key set, and counts how often it is asked.
struct Issuer {
    url: String,
    served: Arc<Mutex<Option<Value>>>,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    async fn start(first: Option<&Key>) -> Self {
        let served = Arc::new(Mutex::new(first.map(Key::key_set)));
        let asked = Arc::new(AtomicUsize::default());
        let (shared, count) = (served.clone(), asked.clone());
        let answer = move || {
            count.fetch_add(1, Ordering::SeqCst);
            let document = shared.lock().unwrap().clone();
            async move { document.map(Json).ok_or(axum::http::StatusCode::BAD_GATEWAY) }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let router = Router::new().route("/keys", get(answer));
        tokio::spawn(async { axum::serve(listener, router).await });
        Self { url, served, asked }
    }

    fn serve(&self, key: Option<&Key>) {
        *self.served.lock().unwrap() = key.map(Key::key_set);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// An Ed25519 key of an issuer.
pub(super) struct Key {
    kid: &'static str,
    private: EncodingKey,
    jwk: Jwk,
}

impl Key {
    pub(super) fn new(kid: &'static str, seed: u8) -> Self {
        // PKCS #8 is this and the seed (RFC 8410, section 7).
        let mut der = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
        der.extend([seed; 32]);
        let private = EncodingKey::from_ed_der(&der);
        let mut jwk = Jwk::from_encoding_key(&private, Algorithm::EdDSA).unwrap();
        jwk.common.key_id = Some(kid.to_owned());
        Self { kid, private, jwk }
    }

    /// A token as another issuer makes it: without a revocation id.
    fn token(&self, server: &TestServer) -> String {
        self.token_for(server, ISSUER, "app")
    }

    fn token_for(&self, server: &TestServer, issuer: &str, audience: &str) -> String {
        self.token_at(server.now(), issuer, audience)
    }

    pub(super) fn token_at(&self, now: Timestamp, issuer: &str, audience: &str) -> String {
        let header = Header { kid: Some(self.kid.to_owned()), ..Header::new(Algorithm::EdDSA) };
        let exp = now.as_secs() + 600;
        let claims = json!({ "sub": "ada", "exp": exp, "iss": issuer, "aud": audience });
        encode(&header, &claims, &self.private).unwrap()
    }

    /// The key set with this key alone.
    pub(super) fn key_set(&self) -> Value {
        json!({ "keys": [self.jwk] })
    }
}

async fn server_of(issuer: &Issuer, secret: Option<Secret>) -> TestServer {
    let url = issuer.url.parse().unwrap();
    let config = TokenConfig {
        issuer: vec![ISSUER.to_owned()],
        audience: vec!["app".to_owned()],
        ..TokenConfig::default()
    };
    let bend = |settings: &mut tierlift_embedded::Settings| {
        settings.keys = TokenKeys::new(secret).with_rules(config.rules());
        settings.jwks_url = Some(url);
    };
    TestServer::start_with(bend, |server| server).await
}

#[tokio::test]
async fn an_issuer_may_rotate_its_keys_and_be_away() {
    let (first, second) = (Key::new("1", 1), Key::new("2", 2));
    let issuer = Issuer::start(None).await;
    let server = server_of(&issuer, None).await;
    // The server runs, and takes webhooks, whatever the issuer does.
    server.subscription("ada", "active").await;
    server.get("/session", &first.token(&server)).await.assert(503, "key_set.unavailable");
    assert_eq!(issuer.asked(), 1);

    let issuer = Issuer::start(Some(&first)).await;
    let server = server_of(&issuer, None).await;
    let token = first.token(&server);
    let (a, b) = tokio::join!(server.get("/session", &token), server.get("/session", &token));
    a.assert(200, "");
    b.assert(200, "");
    assert_eq!(issuer.asked(), 1, "who comes while it is fetched waits for the outcome");

    // A new key is found at once, be it in the first minute.
    issuer.serve(Some(&second));
    server.get("/session", &second.token(&server)).await.assert(200, "");
    assert_eq!(issuer.asked(), 2);
    server.get("/session", &first.token(&server)).await.assert(401, "token.invalid");

    // What the clock does to the age of a key set, it does at once; the rest is in the keyring's own tests.
    server.pass_secs(20 * 60);
    issuer.serve(Some(&first));
    server.get("/session", &second.token(&server)).await.assert(401, "token.invalid");
    server.get("/session", &first.token(&server)).await.assert(200, "");
}

#[tokio::test]
async fn a_token_for_somebody_else_opens_nothing() {
    let key = Key::new("1", 1);
    let issuer = Issuer::start(Some(&key)).await;
    let server = server_of(&issuer, Some(token_secret())).await;
    for (iss, aud) in [(ISSUER, "attackers-project"), ("https://evil.example.com/", "app")] {
        let token = key.token_for(&server, iss, aud);
        server.get("/session", &token).await.assert(401, "token.invalid");
        let offered = format!("tierlift.v1, bearer.{token}");
        let upgrade = Request::upgrade("/ws").header("sec-websocket-protocol", &offered);
        server.send(upgrade).await.assert(401, "token.invalid");
    }
    server.get("/session", &key.token(&server)).await.assert(200, "");
    // With our secret beside the key set, the issuer's token is still not replaced by our own.
    let refresh = Request::new("POST", "/session/refresh");
    let (theirs, ours) = (key.token(&server), server.token("ada", 0));
    server.send(refresh.bearer(&theirs)).await.assert(409, "refresh.unavailable");
    let refresh = Request::new("POST", "/session/refresh");
    server.send(refresh.bearer(&ours)).await.assert(200, "");
}

#[tokio::test]
async fn a_refreshed_session_ends() {
    let server = TestServer::start().await;
    let mut token = server.token("ada", 0);
    let mut refreshes = 0;
    let answer = loop {
        server.pass_secs(TOKEN_TTL_SECS);
        let request = Request::new("POST", "/session/refresh").bearer(&token);
        let answer = server.send(request).await;
        if answer.status != 200 {
            break answer;
        }
        answer.json()["accessToken"].as_str().unwrap().clone_into(&mut token);
        refreshes += 1;
    };
    answer.assert(401, "token.session_expired");
    assert_eq!(refreshes, 30 * 86_400 / TOKEN_TTL_SECS - 1);
    server.get("/session", &token).await.assert(401, "token.session_expired");
}

#[tokio::test]
async fn where_somebody_else_issues_tokens_none_is_issued_here() {
    let key = Key::new("1", 1);
    let issuer = Issuer::start(Some(&key)).await;
    let server = server_of(&issuer, None).await;
    let request = Request::new("POST", "/session/refresh");
    let token = key.token(&server);
    server.send(request.bearer(&token)).await.assert(409, "refresh.unavailable");
    // The algorithm is the key's: a shared secret is none of the issuer's.
    let ours = token_secret().mint(&user_id("ada"), RevocationId(0), server.now());
    server.get("/session", &ours).await.assert(401, "token.invalid");
    // A token without a revocation id is never stale.
    server.subscription("ada", "active").await;
    let mut socket = server.socket(&token).await;
    socket.reach(1).await;
    server.get("/session", &token).await.assert(200, "");
}
