//! Grants by services: once for each id, in the ledger with the service's name, and told to every open tab.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tierlift_core::{
    id::UserId,
    limits::SERVICE_GRANTS_PER_USER_MAX,
    ports::{LedgerFilter, Operations as _, Store as _},
};
use tierlift_testkit::harness::eventually;

use crate::{
    doors::{post, start, upgrade},
    server::{START, TestServer},
};

/// A request for `ada`, until a month later.
fn request(id: &str, role: &str) -> Value {
    let expires_at = START.plus_days(30).to_string();
    json!({ "grantId": id, "userId": "ada", "role": role, "expiresAt": expires_at, "reason": "Paddle" })
}

/// The same request with another value.
fn with(mut request: Value, name: &str, value: Value) -> Value {
    request[name] = value;
    request
}

fn withdrawal(id: &str) -> Value {
    json!({ "grantId": id, "userId": "ada", "reason": "refunded" })
}

async fn granted(server: &TestServer, body: &Value) -> Value {
    let answer = post(server, "/v1/grants", body).await;
    answer.assert(200, "");
    answer.json()
}

async fn role(server: &TestServer) -> String {
    let answer = server.get("/session", &server.token("ada", 99)).await;
    answer.json()["role"].as_str().unwrap().to_owned()
}

/// The kinds, actors and reasons of the acts about `ada`, oldest first.
async fn acts(server: &TestServer) -> Vec<(String, String, String)> {
    let user = Some(UserId::new("ada").unwrap());
    let filter = LedgerFilter { user, acts_only: true, ..LedgerFilter::default() };
    let page = server.db.ledger_page(&filter, None, 100).await.unwrap();
    let act = |entry: tierlift_core::ledger::LedgerEntry| {
        let act = entry.act.unwrap();
        (entry.kind.as_str().to_owned(), act.actor().to_owned(), act.reason().to_owned())
    };
    page.items.into_iter().rev().map(act).collect()
}

#[tokio::test]
async fn a_grant_reaches_every_tab_once_however_often_it_is_sent() {
    let server = start().await;
    let mut tabs = server.sockets(["ada", "ada"]).await;
    let body = request("txn_1", "paid");
    let first = granted(&server, &body).await;
    assert_eq!(
        first,
        json!({
            "grantId": "txn_1", "userId": "ada", "role": "paid",
            "expiresAt": START.plus_days(30).to_string(),
            "grantedAt": START.to_string(), "withdrawnAt": null,
        })
    );
    for tab in &mut tabs {
        let notice = tab.hear().await;
        assert_eq!((&notice["type"], &notice["role"]), (&json!("ROLE_UPGRADED"), &json!("paid")));
        assert_eq!(notice["subscriptionExpiresAt"], first["expiresAt"]);
    }
    server.pass_secs(60);
    assert_eq!(granted(&server, &body).await, first, "the same answer");
    for (name, value) in [
        ("userId", json!("bob")),
        ("role", json!("free")),
        ("expiresAt", json!(null)),
        ("expiresAt", json!("2027-01-01T00:00:00Z")),
    ] {
        let other = with(body.clone(), name, value);
        post(&server, "/v1/grants", &other).await.assert(409, "grant.conflict");
    }
    // Nothing else was said to the tabs, and one act is in the ledger.
    let snapshot = tabs[0].sync().await;
    assert_eq!((&snapshot["type"], &snapshot["revocationId"]), (&json!("SNAPSHOT"), &json!(1)));
    let act = ("tierlift.grant.created".to_owned(), "web".to_owned(), "Paddle".to_owned());
    assert_eq!(acts(&server).await, [act]);
    assert_eq!(server.db.account(&UserId::new("bob").unwrap()).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_withdrawn_ends_at_once_and_stays_withdrawn() {
    let server = start().await;
    let [mut tab] = server.sockets(["ada"]).await;
    post(&server, "/v1/grants:withdraw", &withdrawal("txn_1")).await.assert(404, "grant.missing");
    let body = request("txn_1", "paid");
    granted(&server, &body).await;
    tab.reach(1).await;
    server.pass_secs(5);
    let answer = post(&server, "/v1/grants:withdraw", &withdrawal("txn_1")).await;
    answer.assert(200, "");
    assert_eq!(answer.json()["withdrawnAt"], START.plus_secs(5).to_string());
    assert_eq!(tab.reach(2).await["role"], "free");
    server.pass_secs(5);
    let again = post(&server, "/v1/grants:withdraw", &withdrawal("txn_1")).await;
    assert_eq!(again.json(), answer.json());
    assert_eq!(granted(&server, &body).await, answer.json(), "it is not granted again");
    assert_eq!(role(&server).await, "free");
    let kinds: Vec<_> = acts(&server).await.into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, ["tierlift.grant.created", "tierlift.grant.withdrawn"]);
}

#[tokio::test]
async fn a_grant_and_a_subscription_are_worth_what_the_better_one_is() {
    let server = start().await;
    upgrade(&server, "ada").await;
    granted(&server, &request("txn_1", "paid")).await;
    let mut socket = server.socket(&server.token("ada", 1)).await;
    server.subscription("ada", "canceled").await;
    assert_eq!(socket.hear().await["type"], "SUBSCRIPTION_CHANGED", "the grant still counts");
    assert_eq!(role(&server).await, "paid");
    // It ends by the time alone, and a minute before it has not.
    server.pass_secs(30 * 24 * 60 * 60 - 60);
    assert_eq!(role(&server).await, "paid");
    server.pass_secs(60);
    assert_eq!(role(&server).await, "free");
    eventually("it is settled", async || {
        let account = server.db.account(&UserId::new("ada").unwrap()).await.unwrap().unwrap();
        account.role.as_str() == "free"
    })
    .await;
}

#[tokio::test]
async fn the_same_request_many_times_at_once_is_one_grant() {
    let server = start().await;
    let body = request("txn_1", "paid");
    let answers = join_all((0..16).map(|_| granted(&server, &body))).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    // Of two that differ, one is refused.
    let users = ["cara", "dora", "cara", "dora"];
    let bodies = users.map(|user| with(request("txn_2", "paid"), "userId", json!(user)));
    let answers = join_all(bodies.iter().map(|body| post(&server, "/v1/grants", body))).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert!([[200, 409, 200, 409], [409, 200, 409, 200]].contains(&[
        statuses[0],
        statuses[1],
        statuses[2],
        statuses[3]
    ]));
    assert_eq!(acts(&server).await.len(), 1);
}

#[tokio::test]
async fn what_makes_no_grant_is_refused_with_its_code() {
    let server = start().await;
    let body = request("txn_1", "paid");
    for (name, value, code) in [
        ("grantId", json!(""), "body.invalid"),
        ("grantId", json!("x".repeat(252)), "body.invalid"),
        ("grantId", json!("a\nb"), "body.invalid"),
        ("userId", json!(""), "user.invalid"),
        ("role", json!("king"), "role.unknown"),
        ("role", json!("operator"), "role.unknown"),
        ("expiresAt", json!("soon"), "body.invalid"),
        ("expiresAt", json!(1_795_000_000), "body.invalid"),
        ("reason", json!(" "), "body.invalid"),
        ("until", json!("2027-01-01T00:00:00Z"), "body.invalid"),
    ] {
        let wrong = with(body.clone(), name, value);
        post(&server, "/v1/grants", &wrong).await.assert(400, code);
    }
    assert_eq!(acts(&server).await, []);
    for n in 0..SERVICE_GRANTS_PER_USER_MAX {
        granted(&server, &request(&format!("txn_{n}"), "paid")).await;
    }
    post(&server, "/v1/grants", &request("more", "paid")).await.assert(409, "grants.exhausted");
    granted(&server, &request("txn_7", "paid")).await;
}
