//! Live sockets behind API Gateway: their rows in the table, and the responses of the management API,
//! from a server that takes the status of each response from the socket's id.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{Method, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use futures_util::{StreamExt as _, stream};
use serde_json::json;
use tierlift_aws::sockets::{ConnectionId, Connections};
use tierlift_core::{
    limits::{AWS_ATTEMPTS_MAX, CONNECTION_KEPT_SECS, CONNECTIONS_PER_PAGE_MAX},
    ports::{GatewaySockets as _, Holder, Pushed, Sockets as _},
    time::Timestamp,
    token::TokenTimes,
};
use tierlift_testkit::{facts::user_id, harness::eventually};

use super::{emulator::sdk_at, table::Table};

const AT: Timestamp = Timestamp::from_millis(1_795_000_000_123);
/// An endpoint that nobody serves, for tests that use only the table.
const NOWHERE: &str = "http://127.0.0.1:9/none";

type Seen = Arc<Mutex<Vec<(Method, String, String)>>>;

fn id(name: &str) -> ConnectionId {
    ConnectionId::new(name)
}

/// Connections with a table of their own and sockets behind that endpoint.
async fn connections(endpoint: &str) -> (Table, Connections) {
    let table = Table::create().await;
    let connections = Connections::new(&table.sdk().await, &table.name, endpoint);
    (table, connections)
}

/// Who opened a socket then, with a token of that time.
fn holder(user: &str, opened_at: Timestamp) -> Holder {
    let token = TokenTimes { issued_at: Some(opened_at), valid_until: opened_at.plus_secs(900) };
    Holder { user: user_id(user), others: Vec::new(), opened_at, token }
}

/// Who opened a socket with a token that also speaks for these accounts.
fn member(user: &str, others: &[&str]) -> Holder {
    Holder { others: others.iter().map(|id| user_id(id)).collect(), ..holder(user, AT) }
}

#[tokio::test]
async fn records_who_opened_a_socket_and_forgets_it() {
    let (table, connections) = connections(NOWHERE).await;
    let (ada, socket) = (user_id("用户 ada"), id("L0SM9cOFvHcCIhw="));
    assert_eq!(connections.holder(&socket).await.unwrap(), None);
    connections.open(&socket, &holder("用户 ada", AT)).await.unwrap();
    assert_eq!(connections.holder(&socket).await.unwrap(), Some(holder("用户 ada", AT)));
    let row = table.get("CONN#L0SM9cOFvHcCIhw=").await;
    assert_eq!(row["ttl"]["N"], (AT.as_secs() + CONNECTION_KEPT_SECS).to_string());
    for _ in 0..2 {
        connections.forget(&socket).await.unwrap();
        assert_eq!(connections.holder(&socket).await.unwrap(), None);
    }
    eventually("the index no longer has it", async || {
        connections.for_user(&ada).await.unwrap().is_empty()
    })
    .await;
}

/// More than one page of the index, newest first, and none of another user.
#[tokio::test]
async fn finds_all_sockets_of_a_user() {
    let (_table, connections) = connections(NOWHERE).await;
    let ada = user_id("ada");
    assert!(connections.for_user(&ada).await.unwrap().is_empty());
    let count = CONNECTIONS_PER_PAGE_MAX + 5;
    let opened = stream::iter(0..count).map(async |number| {
        let at = AT.plus_millis(i64::try_from(number).unwrap());
        let socket = id(&format!("socket {number}"));
        connections.open(&socket, &holder("ada", at)).await.unwrap();
    });
    opened.buffer_unordered(16).collect::<Vec<_>>().await;
    connections.open(&id("another"), &holder("bob", AT)).await.unwrap();
    eventually("the index has them all", async || {
        connections.for_user(&ada).await.unwrap().len() >= count
    })
    .await;
    let expected: Vec<_> = (0..count).rev().map(|number| id(&format!("socket {number}"))).collect();
    assert_eq!(connections.for_user(&ada).await.unwrap(), expected);
}

/// Each account finds the socket; its user alone counts it.
#[tokio::test]
async fn a_socket_of_several_accounts_follows_each_and_is_forgotten_by_all() {
    let (table, connections) = connections(NOWHERE).await;
    let [ada, bob] = [member("ada", &["org", "团队"]), member("bob", &["org"])];
    connections.open(&id("a"), &ada).await.unwrap();
    connections.open(&id("b"), &bob).await.unwrap();
    assert_eq!(connections.holder(&id("a")).await.unwrap(), Some(ada));
    let listed = async |account: &str| {
        let mut found = connections.for_user(&user_id(account)).await.unwrap();
        found.sort_by_key(|socket| socket.as_str().to_owned());
        found
    };
    eventually("the index has them", async || {
        let found = [listed("ada").await, listed("org").await, listed("团队").await];
        found == [vec![id("a")], vec![id("a"), id("b")], vec![id("a")]]
    })
    .await;
    assert_eq!(connections.opened_by(&user_id("ada")).await.unwrap(), [id("a")]);
    assert_eq!(connections.opened_by(&user_id("org")).await.unwrap(), []);
    connections.forget(&id("a")).await.unwrap();
    for key in ["CONN#a", "CONN#a#0", "CONN#a#1"] {
        assert_eq!(table.get(key).await, serde_json::Value::Null, "{key}");
    }
    // What is left over of a deletion that was interrupted goes when it is found.
    let row = json!({ "pk": { "S": "CONN#c#1" }, "shape": { "N": "1" }, "conn_user": { "S": "rest" }, "connected_at": { "N": "1" } });
    table.put(&row).await.unwrap();
    eventually("the index has it", async || listed("rest").await == [id("c")]).await;
    let found = listed("rest").await;
    assert_eq!(connections.holder(&found[0]).await.unwrap(), None);
    connections.forget(&found[0]).await.unwrap();
    assert_eq!(table.get("CONN#c#1").await, serde_json::Value::Null);
    assert_eq!(listed("org").await, [id("b")]);
}

#[tokio::test]
async fn a_row_that_tierlift_did_not_write_has_no_holder() {
    let (table, connections) = connections(NOWHERE).await;
    for row in [
        json!({ "pk": { "S": "CONN#a" }, "conn_user": { "S": "ada" }, "connected_at": { "N": "1" } }),
        json!({ "pk": { "S": "CONN#a" }, "shape": { "N": "2" }, "conn_user": { "S": "ada" }, "connected_at": { "N": "1" } }),
        json!({ "pk": { "S": "CONN#a" }, "shape": { "N": "1" }, "connected_at": { "N": "1" } }),
        json!({ "pk": { "S": "CONN#a" }, "shape": { "N": "1" }, "conn_user": { "S": "ada" }, "connected_at": { "N": "1" } }),
        json!({ "pk": { "S": "CONN#a" }, "shape": { "N": "1" }, "conn_user": { "S": "ada" }, "connected_at": { "N": "1" },
                "token_valid_until": { "N": "2" }, "others": { "L": [{ "N": "1" }] } }),
    ] {
        table.put(&row).await.unwrap();
        assert_eq!(connections.holder(&id("a")).await.unwrap(), None, "{row}");
    }
}

/// Connections for tests that use only the endpoint.
fn sockets(endpoint: &str) -> Connections {
    Connections::new(&sdk_at(([127, 0, 0, 1], 9).into()), "none", endpoint)
}

/// A management API: a socket whose id is a number gets a response of that status.
async fn gateway() -> (String, Seen) {
    let seen = Seen::default();
    let router = Router::new().fallback(respond).with_state(seen.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/live", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (endpoint, seen)
}

async fn respond(State(seen): State<Seen>, method: Method, uri: Uri, body: Bytes) -> Response {
    let path = uri.path().to_owned();
    let status = path.rsplit('/').next().unwrap().parse().unwrap_or(200);
    seen.lock().unwrap().push((method, path, String::from_utf8(body.to_vec()).unwrap()));
    let kind = match status {
        403 => "ForbiddenException",
        410 => "GoneException",
        413 => "PayloadTooLargeException",
        429 => "LimitExceededException",
        _ => "",
    };
    let headers = [("x-amzn-errortype", kind), ("content-type", "application/json")];
    (StatusCode::from_u16(status).unwrap(), headers, "{}").into_response()
}

#[tokio::test]
async fn pushes_to_a_socket_by_its_id() {
    let (endpoint, seen) = gateway().await;
    let connections = sockets(&endpoint);
    let text = "{\"v\":1,\"role\":\"bezahlt ☂\"}";
    assert_eq!(connections.push(&id("L0SM9c/O+Hw="), text).await.unwrap(), Pushed::Sent);
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    let path = "/live/@connections/L0SM9c%2FO%2BHw%3D";
    // The SDK may also escape the `@` of the path.
    let seen: Vec<_> =
        seen.into_iter().map(|(m, path, body)| (m, path.replace("%40", "@"), body)).collect();
    assert_eq!(seen, [(Method::POST, path.to_owned(), text.to_owned())]);
}

#[tokio::test]
async fn distinguishes_a_socket_that_is_gone_from_one_that_cannot_be_reached() {
    let (endpoint, seen) = gateway().await;
    let connections = sockets(&endpoint);
    for (name, expected) in
        [("200", Some(Pushed::Sent)), ("410", Some(Pushed::Gone)), ("403", None)]
    {
        let pushed = connections.push(&id(name), "hello").await;
        match expected {
            Some(expected) => assert_eq!(pushed.unwrap(), expected, "{name}"),
            None => assert!(pushed.is_err(), "{name}: {pushed:?}"),
        }
        assert_eq!(std::mem::take(&mut *seen.lock().unwrap()).len(), 1, "{name}");
    }
    assert!(sockets(NOWHERE).push(&id("200"), "hello").await.is_err());
}

/// A client that does not read fills its buffer at API Gateway, and each push to it is answered 429. That must not
/// hold up the notices of others: the socket ends after the SDK's attempts.
#[tokio::test]
async fn a_socket_that_cannot_be_reached_ends_and_is_no_failure_of_the_rest() {
    let (endpoint, seen) = gateway().await;
    let (_table, connections) = connections(&endpoint).await;
    let attempts = usize::try_from(AWS_ATTEMPTS_MAX).unwrap();
    for (name, tries) in
        [("404", 1), ("413", 1), ("429", attempts), ("500", attempts), ("503", attempts)]
    {
        connections.open(&id(name), &holder("ada", AT)).await.unwrap();
        assert_eq!(connections.push(&id(name), "hello").await.unwrap(), Pushed::Gone, "{name}");
        assert_eq!(connections.holder(&id(name)).await.unwrap(), None, "{name}");
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        let pushes = seen.iter().filter(|(method, ..)| method == Method::POST).count();
        assert_eq!(pushes, tries, "{name}");
        assert!(seen.iter().any(|(method, ..)| method == Method::DELETE), "{name}");
    }
}

/// A change may be pushed while the handshake is answered: API Gateway says 410 of a socket that is about to open.
#[tokio::test]
async fn a_socket_that_is_opening_is_not_forgotten() {
    let (_table, connections) = connections(NOWHERE).await;
    let ada = user_id("ada");
    let now = tierlift_aws::clock().now();
    for (name, opened_at, is_kept) in [("new", now, true), ("old", now.plus_secs(-60), false)] {
        connections.open(&id(name), &holder("ada", opened_at)).await.unwrap();
        let mut listed = Vec::new();
        eventually("the index has it", async || {
            listed = connections.for_user(&ada).await.unwrap();
            listed.contains(&id(name))
        })
        .await;
        let listed = listed.iter().find(|socket| **socket == id(name)).unwrap();
        connections.forget(listed).await.unwrap();
        assert_eq!(connections.holder(&id(name)).await.unwrap().is_some(), is_kept, "{name}");
    }
    // Its own `$disconnect` names no time.
    connections.forget(&id("new")).await.unwrap();
    assert_eq!(connections.holder(&id("new")).await.unwrap(), None);
}

/// A socket that is gone already counts as closed; one that could not be closed is kept.
#[tokio::test]
async fn closes_a_socket_and_forgets_it() {
    let (endpoint, seen) = gateway().await;
    let (_table, connections) = connections(&endpoint).await;
    for (name, closes) in [("204", true), ("410", true), ("403", false)] {
        connections.open(&id(name), &holder("ada", AT)).await.unwrap();
        assert_eq!(connections.close(&id(name)).await.is_ok(), closes, "{name}");
        assert_eq!(connections.holder(&id(name)).await.unwrap().is_none(), closes, "{name}");
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        assert!(seen.iter().all(|(method, ..)| method == Method::DELETE), "{seen:?}");
        assert_eq!(seen.len(), 1);
    }
}

/// The client hears why, since the gateway ends a socket with a code of its own.
#[tokio::test]
async fn ends_a_socket_of_a_revoked_token() {
    let (endpoint, seen) = gateway().await;
    let (_table, connections) = connections(&endpoint).await;
    let opened = AT.plus_secs(-5);
    let undated = TokenTimes { issued_at: None, valid_until: AT.plus_secs(900) };
    let undated = Holder { token: undated, ..holder("ada", AT) };
    for (name, holder, calls) in [
        ("200", &holder("ada", opened), &[Method::POST, Method::DELETE][..]),
        ("200", &undated, &[Method::POST, Method::DELETE]),
        ("410", &holder("ada", opened), &[Method::POST]),
        ("200", &holder("ada", AT), &[]),
    ] {
        connections.open(&id(name), holder).await.unwrap();
        let ends = !calls.is_empty();
        assert_eq!(connections.revoke(&id(name), AT).await.unwrap(), ends, "{holder:?}");
        assert_eq!(connections.holder(&id(name)).await.unwrap().is_none(), ends, "{holder:?}");
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        let methods: Vec<_> = seen.iter().map(|(method, ..)| method.clone()).collect();
        assert_eq!(methods, calls, "{seen:?}");
        let reason = r#"{"v":1,"type":"CLOSE","code":4003,"reason":"revoked"}"#;
        assert!(seen.first().is_none_or(|(_, _, body)| body == reason), "{seen:?}");
    }
    assert!(!connections.revoke(&id("unknown"), AT).await.unwrap());
}
