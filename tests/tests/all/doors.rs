//! The doors for hosts: service routes by a service token, and what proxies ask.

use serde_json::{Value, json};
use tierlift_core::{
    id::UserId,
    ledger::Act,
    limits::{TOKEN_TTL_SECS, USERS_PER_BATCH_MAX},
    token::ServiceTokens,
};
use tierlift_embedded::{Registry, Server, revoke};
use tierlift_testkit::harness::client::{Request, Response};
use tierlift_tests::changes::changes;

use crate::server::{START, TestServer};

pub(crate) const SERVICE_TOKEN: &str = "3f9a1c5e7b2d4f6088aacce1f35792b4";

async fn start_with(extend: impl FnOnce(Server) -> Server) -> TestServer {
    let change = |settings: &mut tierlift_embedded::Settings| {
        let list = format!("web:{SERVICE_TOKEN}");
        settings.service_tokens = ServiceTokens::parse(&list).unwrap();
        settings.authorize_cookie = Some("token".parse().unwrap());
    };
    TestServer::start_with(change, extend).await
}

pub(crate) async fn start() -> TestServer {
    start_with(|server| server).await
}

async fn get(server: &TestServer, path: &str) -> Response {
    server.get(path, SERVICE_TOKEN).await
}

pub(crate) async fn post(server: &TestServer, path: &str, body: &Value) -> Response {
    let body = body.to_string();
    let request = Request::new("POST", path).bearer(SERVICE_TOKEN);
    server.send(request.header("content-type", "application/json").body(body.as_bytes())).await
}

/// Has the user pay, and waits until that is applied.
pub(crate) async fn upgrade(server: &TestServer, user: &str) {
    let [mut socket] = server.sockets([user]).await;
    server.subscription(user, "active").await;
    socket.reach(1).await;
}

#[tokio::test]
async fn only_a_service_token_opens_the_service_routes() {
    let server = start().await;
    let users_token = server.token("ada", 0);
    for (token, code) in [
        ("", "service_token.missing"),
        ("3f9a1c5e7b2d4f6088aacce1f35792b5", "service_token.invalid"),
        (&users_token, "service_token.invalid"),
    ] {
        for (method, path) in [
            ("GET", "/v1/users/ada"),
            ("POST", "/v1/users:batch"),
            ("POST", "/v1/tokens"),
            ("POST", "/v1/grants"),
            ("POST", "/v1/grants:withdraw"),
        ] {
            let answer = server.send(Request::new(method, path).bearer(token)).await;
            answer.assert(401, code);
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
    }
    get(&server, "/session").await.assert(401, "token.invalid");
    // Without configured tokens nothing fits.
    let closed = TestServer::start().await;
    get(&closed, "/v1/users/ada").await.assert(401, "service_token.invalid");
}

#[tokio::test]
async fn a_service_asks_for_any_user_by_its_own_id() {
    let server = start().await;
    upgrade(&server, "ada").await;
    let answer = get(&server, "/v1/users/ada").await;
    answer.assert(200, "");
    assert_eq!(answer.json(), server.get("/session", &server.token("ada", 1)).await.json());
    let nobody = get(&server, "/v1/users/no%20body%2Fat%C3%A4ll").await;
    nobody.assert(200, "");
    assert_eq!(
        (&nobody.json()["userId"], &nobody.json()["role"]),
        (&json!("no body/atäll"), &json!("free"))
    );
    for path in ["/v1/users/%00", "/v1/users/%ff"] {
        get(&server, path).await.assert(400, "user.invalid");
    }
    server
        .send(Request::new("POST", "/v1/users/ada").bearer(SERVICE_TOKEN))
        .await
        .assert(405, "method.not_allowed");
    let batch = json!({ "userIds": ["bob", "ada", "bob"] });
    let answer = post(&server, "/v1/users:batch", &batch).await;
    answer.assert(200, "");
    let users = answer.json()["users"].clone();
    let seen: Vec<_> = users
        .as_array()
        .unwrap()
        .iter()
        .map(|user| (user["userId"].as_str().unwrap(), user["role"].as_str().unwrap()))
        .collect();
    assert_eq!(seen, [("bob", "free"), ("ada", "paid"), ("bob", "free")]);
    let many = |count: usize| json!({ "userIds": vec!["ä".repeat(127); count] });
    post(&server, "/v1/users:batch", &many(USERS_PER_BATCH_MAX)).await.assert(200, "");
    post(&server, "/v1/users:batch", &many(USERS_PER_BATCH_MAX + 1))
        .await
        .assert(400, "body.invalid");
    post(&server, "/v1/users:batch", &json!({ "users": [] })).await.assert(400, "body.invalid");
    post(&server, "/v1/users:batch", &json!({ "userIds": [""] })).await.assert(400, "user.invalid");
    post(&server, "/v1/users:batch", &json!("x".repeat(70_000)))
        .await
        .assert(413, "body.too_large");
}

#[tokio::test]
async fn an_answer_is_sent_again_only_if_it_differs() {
    let server = start().await;
    upgrade(&server, "ada").await;
    let ask = async |tag: &str| {
        let request = Request::new("GET", "/v1/users/ada").bearer(SERVICE_TOKEN);
        server.send(request.header("if-none-match", tag)).await
    };
    let tag = get(&server, "/v1/users/ada").await.headers["etag"].to_str().unwrap().to_owned();
    let same = ask(&tag).await;
    assert_eq!((same.status, same.body.as_str()), (304, ""));
    assert_eq!(same.headers["etag"], tag.as_str());
    // Access ends by the time alone, without a commit.
    server.pass_secs(60 * 24 * 60 * 60);
    let expired = ask(&tag).await;
    expired.assert(200, "");
    assert_eq!(expired.json()["role"], "free");
}

#[tokio::test]
async fn a_host_has_tokens_issued_for_the_browsers_of_its_users() {
    let parts = std::sync::OnceLock::new();
    let server = start_with(|server| {
        parts.set(std::sync::Arc::clone(server.access())).ok();
        server
    })
    .await;
    let body = json!({ "userId": "ada", "claims": { "email": "ada@example.com" } });
    let answer = post(&server, "/v1/tokens", &body).await;
    answer.assert(200, "");
    assert_eq!(answer.headers["cache-control"], "no-store");
    let issued = answer.json();
    assert_eq!(
        (&issued["expiresIn"], &issued["user"]["userId"]),
        (&json!(TOKEN_TTL_SECS), &json!("ada"))
    );
    let token = issued["accessToken"].as_str().unwrap();
    server.get("/session", token).await.assert(200, "");
    let mut socket = server.socket(token).await;
    socket.sync().await;
    for (body, status, code) in [
        (json!({}), 400, "body.invalid"),
        (json!({ "userId": "" }), 400, "user.invalid"),
        (json!({ "userId": "ada", "claims": { "rev": 7 } }), 400, "body.invalid"),
        (
            json!({ "userId": "ada", "claims": { "token_use": "id" , "x": "x".repeat(5_000) } }),
            400,
            "body.invalid",
        ),
    ] {
        post(&server, "/v1/tokens", &body).await.assert(status, code);
    }
    // The session is as old as the host says, whoever issues its tokens.
    let ago = |days: i64| json!({ "userId": "ada", "authTime": START.plus_days(-days).as_secs() });
    let old = post(&server, "/v1/tokens", &ago(29)).await.json()["accessToken"].clone();
    server.get("/session", old.as_str().unwrap()).await.assert(200, "");
    post(&server, "/v1/tokens", &ago(30)).await.assert(409, "token.session_expired");
    let asked = |days: i64| format!("/v1/users/ada?authTime={}", START.plus_days(-days).as_secs());
    get(&server, &asked(29)).await.assert(200, "");
    get(&server, &asked(30)).await.assert(409, "token.session_expired");
    // Who was thrown out signs in again before there is another token.
    let act = Act::new("support@example.com", "laptop stolen").unwrap();
    let user = UserId::new("ada").unwrap();
    revoke(parts.get().unwrap(), &Registry::default(), &user, &act).await.unwrap();
    post(&server, "/v1/tokens", &ago(1)).await.assert(409, "token.revoked");
    get(&server, &asked(1)).await.assert(409, "token.revoked");
    get(&server, &format!("{}&account=ada", asked(1))).await.assert(409, "token.revoked");
    get(&server, "/v1/users/ada").await.assert(200, "");
    for query in ["authTime=", "authTime=x", "authTime=1&authTime=1", "authtime=1"] {
        get(&server, &format!("/v1/users/ada?{query}")).await.assert(400, "query.invalid");
    }
    server.pass_secs(1);
    get(&server, &format!("/v1/users/ada?authTime={}", server.now().as_secs()))
        .await
        .assert(200, "");
    post(&server, "/v1/tokens", &json!({ "userId": "ada" })).await.assert(200, "");
}

#[tokio::test]
async fn a_proxy_is_told_whom_to_let_pass() {
    let server = start().await;
    let stale = server.token("zoë", 0);
    upgrade(&server, "zoë").await;
    let cookie = format!("theme=dark; token={stale}");
    let ask = async |query: &str, header: (&str, &str)| {
        let path = format!("/authorize?{query}");
        server.send(Request::new("GET", &path).header(header.0, header.1)).await
    };
    let bearer = format!("Bearer {}", server.token("zoë", 1));
    for header in [("authorization", bearer.as_str()), ("cookie", &cookie)] {
        let answer = ask("role=paid", header).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{answer:?}");
        let of = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
        assert_eq!(of("x-tierlift-user"), "zo%C3%AB");
        assert_eq!(
            (of("x-tierlift-role"), of("x-tierlift-revocation-id")),
            ("paid".to_owned(), "1".to_owned())
        );
        ask("role=operator", header).await.assert(403, "role.required");
        ask("feature=none", header).await.assert(403, "feature.required");
        ask("role=payed", header).await.assert(400, "role.unknown");
        ask("rol=paid", header).await.assert(400, "query.invalid");
        ask("", header).await.assert(400, "query.invalid");
    }
    ask("role=free", ("cookie", "other=x")).await.assert(401, "token.missing");
    ask("role=free", ("cookie", "token=x.y.z")).await.assert(401, "token.invalid");
    // A proxy is no page.
    let refused = ask("role=paid", ("origin", "https://app.example.com")).await;
    assert!(!refused.headers.contains_key("access-control-allow-origin"));
    // The role is lost at once.
    let mut socket = server.socket(&server.token("zoë", 1)).await;
    server.subscription("zoë", "canceled").await;
    socket.reach(2).await;
    ask("role=paid", ("cookie", &cookie)).await.assert(403, "role.required");
}

#[tokio::test]
async fn a_server_describes_its_routes() {
    let server = TestServer::start().await;
    let answer = server.send(Request::new("GET", "/openapi.json")).await;
    answer.assert(200, "");
    assert!(answer.json()["paths"]["/v1/changes"]["get"].is_object());
}

#[tokio::test]
async fn a_cursor_whose_next_changes_are_gone_is_refused() {
    let server = start().await;
    upgrade(&server, "ada").await;
    let (_, after_ada) = changes(&get(&server, "/v1/changes").await);
    // Another change at the same position, as after a restore.
    let (position, _) = after_ada.split_once('-').unwrap();
    for cursor in [format!("{position}-0123456789abcdef"), "9-0123456789abcdef".to_owned()] {
        get(&server, &format!("/v1/changes?after={cursor}")).await.assert(410, "cursor.expired");
    }
    upgrade(&server, "bob").await;
    upgrade(&server, "cleo").await;
    let (_, end) = changes(&get(&server, "/v1/changes").await);
    server.pass_secs(8 * 24 * 60 * 60);
    while server.db.prune(server.now(), 1_000).await.unwrap() > 0 {}
    for cursor in [after_ada.as_str(), "0-0000000000000000"] {
        get(&server, &format!("/v1/changes?after={cursor}")).await.assert(410, "cursor.expired");
    }
    let (rest, same) = changes(&get(&server, &format!("/v1/changes?after={end}")).await);
    assert_eq!((rest.len(), same), (0, end));
}

#[tokio::test]
async fn who_waits_for_a_change_does_not_hold_up_the_end() {
    let mut server = start().await;
    let mut stream = server.connect().await;
    let request = Request::new("GET", "/v1/changes?after=0-0000000000000000&wait=25");
    let bytes = request.bearer(SERVICE_TOKEN).bytes();
    tokio::io::AsyncWriteExt::write_all(&mut stream, &bytes).await.unwrap();
    // A request that came later is answered, so that one is being served.
    get(&server, "/v1/changes?after=latest").await.assert(200, "");
    let stopped = std::time::Instant::now();
    server.stop();
    let (none, _) = changes(&Response::read(&mut stream).await);
    assert!(none.is_empty());
    assert!(stopped.elapsed() < std::time::Duration::from_secs(5), "{:?}", stopped.elapsed());
    server.ended().await.unwrap();
}
