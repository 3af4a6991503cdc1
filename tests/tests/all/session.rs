//! Tokens: who they let in, when they are stale, and how they are renewed.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Extension, Json, Router, routing::get};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};
use tierlift_core::{
    account::Account,
    decide,
    id::RevocationId,
    limits::{JWKS_FETCH_INTERVAL_SECS, TOKEN_TTL_SECS},
    ports::Store,
    token::{Secret, TokenKeys},
    wire::session::Session,
};
use tierlift_testkit::{
    facts::{policy, user_id},
    harness::{client::Request, token_secret},
};
use tokio::net::TcpListener;

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
    let expired = mint(&token_secret(), 1, START.plus_secs(1 - TOKEN_TTL_SECS));
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
    server.pass_secs(TOKEN_TTL_SECS);
    server.get("/session", new).await.assert(401, "token.expired");
}

#[tokio::test]
async fn a_revoked_token_cannot_be_refreshed() {
    let server = TestServer::start().await;
    server.subscription("ada", "active").await;
    settled(&server, "ada", 1).await;
    let account = server.db.account(&user_id("ada")).await.unwrap().unwrap();
    let revoked = Account { revoked_before: RevocationId(1), ..account };
    let paid = policy().role("paid").cloned();
    // By hand, as an operator would: the account is written with whatever else is in it.
    let commit = decide::assign(revoked, paid, &policy(), server.now()).unwrap();
    server.db.commit(commit).await.unwrap();
    for (rev, status, code) in [(0, 401, "token.invalid"), (1, 200, "")] {
        let request = Request::new("POST", "/session/refresh").bearer(&server.token("ada", rev));
        server.send(request).await.assert(status, code);
        server.get("/session", &server.token("ada", rev)).await.assert(status, code);
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

/// An issuer that serves its key set, and counts how often it is asked.
struct Issuer {
    url: String,
    served: Arc<Mutex<Option<Value>>>,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    async fn start(first: &Key) -> Self {
        let served = Arc::new(Mutex::new(Some(json!({ "keys": [first.jwk] }))));
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
        *self.served.lock().unwrap() = key.map(|key| json!({ "keys": [key.jwk] }));
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// An Ed25519 key of an issuer.
struct Key {
    kid: &'static str,
    private: EncodingKey,
    jwk: Jwk,
}

impl Key {
    fn new(kid: &'static str, seed: u8) -> Self {
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
        let header = Header { kid: Some(self.kid.to_owned()), ..Header::new(Algorithm::EdDSA) };
        let claims = json!({ "sub": "ada", "exp": server.now().as_secs() + 600 });
        encode(&header, &claims, &self.private).unwrap()
    }
}

async fn server_of(issuer: &Issuer) -> TestServer {
    let url = issuer.url.clone();
    let bend = |settings: &mut tierlift_embedded::Settings| {
        settings.keys = TokenKeys::new(None);
        settings.jwks_url = Some(url);
    };
    TestServer::start_with(bend, |server| server).await
}

#[tokio::test]
async fn an_issuer_may_roll_its_keys_and_is_not_hammered() {
    let (first, second, third) = (Key::new("1", 1), Key::new("2", 2), Key::new("3", 3));
    let issuer = Issuer::start(&first).await;
    let server = server_of(&issuer).await;
    server.get("/session", &first.token(&server)).await.assert(200, "");
    assert_eq!(issuer.asked(), 1);

    // Within a minute of the last fetch an unknown key is just unknown.
    issuer.serve(Some(&second));
    server.get("/session", &second.token(&server)).await.assert(401, "token.invalid");
    assert_eq!(issuer.asked(), 1);

    server.pass_secs(JWKS_FETCH_INTERVAL_SECS);
    let token = second.token(&server);
    let (a, b) = tokio::join!(server.get("/session", &token), server.get("/session", &token));
    a.assert(200, "");
    b.assert(200, "");
    assert_eq!(issuer.asked(), 2, "who comes while it is fetched waits for the outcome");
    server.get("/session", &first.token(&server)).await.assert(401, "token.invalid");

    // An issuer that is down changes nothing for the keys that we have.
    server.pass_secs(JWKS_FETCH_INTERVAL_SECS);
    issuer.serve(None);
    server.get("/session", &third.token(&server)).await.assert(401, "token.invalid");
    assert_eq!(issuer.asked(), 3);
    server.get("/session", &second.token(&server)).await.assert(200, "");
}

#[tokio::test]
async fn where_somebody_else_issues_tokens_none_is_issued_here() {
    let key = Key::new("1", 1);
    let issuer = Issuer::start(&key).await;
    let server = server_of(&issuer).await;
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
