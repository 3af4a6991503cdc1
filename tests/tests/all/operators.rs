//! The operators' listener: who may come in, from where, and as whom.

use std::net::SocketAddr;

use axum::Router;
use serde_json::{Value, json};
use tierlift_core::token::{NamedTokens, OperatorTokens};
use tierlift_embedded::OperatorsListener;
use tierlift_testkit::harness::client::{Request, Response};

use crate::server::TestServer;

const EVE: &str = "c1a7e5b3092f4d6e8a0b2c4d6f8e1a3b";
const BOARD: &str = "d2b8f6c4103a5e7f9b1c3d5e7a9f2b4c";
/// The origin under which the tests know it; `Request` asks for this host.
const ORIGIN: &str = "http://tierlift:8788";

/// A server and the address of its operators' listener.
struct Deployment {
    server: TestServer,
    address: SocketAddr,
}

impl Deployment {
    async fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let list =
            |name: &str, token: &str| NamedTokens::parse(&format!("{name}:{token}")).unwrap();
        let operators = OperatorsListener {
            listener: tokio::net::TcpListener::from_std(listener).unwrap(),
            tokens: OperatorTokens::new(list("eve", EVE), list("board", BOARD)).unwrap(),
            origins: vec![ORIGIN.parse().unwrap()],
            pages: Router::new(),
        };
        let add = |server: tierlift_embedded::Server| server.with_operators_listener(operators);
        let server = TestServer::start_with(|_| {}, add).await;
        Self { server, address }
    }

    async fn send(&self, request: Request<'_>) -> Response {
        request.send(self.address).await
    }

    async fn get(&self, path: &str, token: &str) -> Response {
        self.send(Request::new("GET", path).bearer(token)).await
    }

    async fn post(&self, path: &str, token: &str, body: &Value) -> Response {
        let body = body.to_string();
        let request = Request::new("POST", path).bearer(token);
        self.send(request.header("content-type", "application/json").body(body.as_bytes())).await
    }

    /// The actors in the ledger, newest first.
    async fn actors(&self) -> Vec<String> {
        let rows = self.get("/operations/ledger?actsOnly=true", BOARD).await.json();
        let rows = rows["rows"].as_array().unwrap().clone();
        rows.iter().map(|row| row["actor"].as_str().unwrap().to_owned()).collect()
    }
}

fn grant(role: &str) -> Value {
    json!({ "user": "ada", "role": role, "actor": "mallory", "reason": "staff" })
}

#[tokio::test]
async fn only_a_token_opens_it_and_only_one_that_may_act_changes_anything() {
    let deployment = Deployment::start().await;
    let users_token = deployment.server.token("ada", 0);
    for (token, code) in [
        ("", "operator_token.missing"),
        (&EVE[1..], "operator_token.invalid"),
        (&users_token, "operator_token.invalid"),
    ] {
        for path in ["/operations/status", "/operations/token", "/operations/history"] {
            let answer = deployment.get(path, token).await;
            answer.assert(401, code);
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
        deployment.post("/operations/grant", token, &grant("operator")).await.assert(401, code);
    }
    for (path, body) in [
        ("/operations/grant", grant("operator")),
        ("/operations/pause", json!({ "paused": true, "reason": "r" })),
        ("/operations/dead-letters/redrive", json!({ "max": 1, "reason": "r" })),
    ] {
        let answer = deployment.post(path, BOARD, &body).await;
        answer.assert(403, "operator_token.read_only");
    }
    assert_eq!(deployment.get("/operations/status", BOARD).await.json()["paused"], Value::Null);
    let ada = deployment.get("/operations/explain?user=ada", BOARD).await;
    ada.assert(200, "");
    assert_eq!(ada.json()["role"], "free");
    assert_eq!(ada.headers["cache-control"], "no-store");
    assert!(deployment.actors().await.is_empty());

    for (token, name, right) in [(EVE, "eve", "act"), (BOARD, "board", "read")] {
        let answer = deployment.get("/operations/token", token).await;
        assert_eq!(answer.json(), json!({ "name": name, "right": right }));
    }
}

#[tokio::test]
async fn an_act_is_done_in_the_name_of_the_token_and_reaches_sockets() {
    let deployment = Deployment::start().await;
    let [mut socket] = deployment.server.sockets(["ada"]).await;
    let answer = deployment.post("/operations/grant", EVE, &grant("operator")).await;
    answer.assert(200, "");
    assert_eq!(answer.json()["changed"], 1);
    socket.reach(1).await;
    assert_eq!(deployment.actors().await, ["eve"]);
    // Without a reason nothing is done.
    let bare = json!({ "user": "ada", "role": null });
    deployment.post("/operations/grant", EVE, &bare).await.assert(400, "body.invalid");
    // A form of another site cannot send JSON.
    let form = Request::new("POST", "/operations/revoke").bearer(EVE);
    let form = form.header("content-type", "text/plain").body(br#"{"user":"ada","reason":"r"}"#);
    deployment.send(form).await.assert(400, "body.invalid");
    // It writes no file.
    let backup = json!({ "file": "/tmp/tierlift-of-a-test.db", "reason": "r" });
    deployment.post("/operations/backup", EVE, &backup).await.assert(404, "route.not_found");
    assert_eq!(deployment.actors().await, ["eve"]);
}

#[tokio::test]
async fn other_origins_and_other_names_are_refused_before_the_token_is_looked_at() {
    let deployment = Deployment::start().await;
    let ask = |token: &'static str| Request::new("GET", "/operations/status").bearer(token);
    deployment.send(ask(EVE).header("origin", ORIGIN)).await.assert(200, "");
    for origin in
        ["http://evil.example", "null", "http://tierlift:8789", "https://tierlift:8788", ""]
    {
        let answer = deployment.send(ask(EVE).header("origin", origin)).await;
        answer.assert(403, "origin.refused");
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{origin}");
    }
    let twice = ask(EVE).header("origin", ORIGIN).header("origin", "http://evil.example");
    deployment.send(twice).await.assert(403, "origin.refused");
    // A page of another site whose name leads here now.
    for host in ["evil.example", "evil.example:8788", "tierlift.evil.example", "127.0.0.1"] {
        deployment.send(ask(EVE).with_host(host)).await.assert(403, "host.refused");
    }
    deployment.send(ask(EVE).with_host("tierlift:1")).await.assert(200, "");
    // No preflight is answered with permission.
    let preflight = Request::new("OPTIONS", "/operations/status").header("origin", ORIGIN);
    let preflight = deployment.send(preflight.header("access-control-request-method", "GET")).await;
    assert!(!preflight.headers.contains_key("access-control-allow-origin"), "{preflight:?}");
}

#[tokio::test]
async fn the_public_listener_has_none_of_it_and_this_one_nothing_public() {
    let deployment = Deployment::start().await;
    for path in ["/operations/status", "/operations/token", "/console"] {
        deployment.server.get(path, EVE).await.assert(404, "route.not_found");
    }
    for path in ["/session", "/metrics", "/v1/users/ada", "/operations/none"] {
        deployment.get(path, EVE).await.assert(404, "route.not_found");
    }
    let page = deployment.get("/codes/plan.unmapped", "").await;
    assert_eq!(page.status, 200, "{page:?}");
    deployment.post("/operations/status", EVE, &json!({})).await.assert(405, "method.not_allowed");
}

#[tokio::test]
async fn whoever_may_only_read_sees_what_a_redrive_would_do() {
    let deployment = Deployment::start().await;
    for user in ["ada", "bob", "cara"] {
        let mut event: Value =
            serde_json::from_str(&deployment.server.event(user, "active")).unwrap();
        event["data"]["object"]["items"]["data"][0]["price"]["id"] = "price_unknown".into();
        event["data"]["object"]["items"]["data"][0]["price"]["product"] = "prod_unknown".into();
        event["data"]["object"]["items"]["data"][0]["price"]["lookup_key"] = Value::Null;
        assert_eq!(deployment.server.webhook(&event.to_string()).await.status, 200);
    }
    let all = "/operations/dead-letters/predictions?max=2&cause=plan.unmapped";
    let first = loop {
        let answer = deployment.get(all, BOARD).await;
        answer.assert(200, "");
        let status = deployment.get("/operations/status", BOARD).await.json();
        if status["deadLetters"] == 3 {
            break deployment.get(all, BOARD).await.json();
        }
    };
    assert_eq!(first["predicted"].as_array().unwrap().len(), 2);
    assert_eq!(first["predicted"][0]["redrive"]["result"], "fails");
    let (next, until) = (first["next"].as_str().unwrap(), first["until"].as_str().unwrap());
    let rest = deployment.get(&format!("{all}&after={next}&until={until}"), BOARD).await.json();
    assert_eq!(rest["predicted"].as_array().unwrap().len(), 1, "{rest}");
    let error = rest["predicted"][0]["redrive"]["error"].as_str().unwrap().to_owned();
    // By the error message, as groups divide them.
    let groups = deployment.get("/operations/dead-letters/groups?by=error", BOARD).await.json();
    let key = groups["groups"][0]["key"].as_str().unwrap();
    assert!(error.contains(key) || key.contains(&error), "{error} {key}");
    let encode = |text: String, byte: u8| text + &format!("%{byte:02X}");
    let encoded = key.bytes().fold(String::new(), encode);
    let same = deployment.get(&format!("/operations/dead-letters?error={encoded}"), BOARD).await;
    let count = groups["groups"][0]["count"].as_u64().unwrap();
    assert_eq!(same.json().as_array().unwrap().len() as u64, count);
    let none = deployment.get("/operations/dead-letters?error=none", BOARD).await;
    assert_eq!(none.json(), json!([]));
    assert!(deployment.actors().await.is_empty(), "a look is no act");
}
