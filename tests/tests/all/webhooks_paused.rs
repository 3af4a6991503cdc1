//! A host that asks for a pause gets it, and metrics tell what waits meanwhile.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use serde_json::Value;
use tierlift_core::{
    account::Account, decide::assign, policy::Role, ports::Store as _, webhook::Secrets,
};
use tierlift_testkit::{
    facts::{policy, user_id},
    harness::eventually,
};
use tokio::net::TcpListener;

use crate::server::{START, TestServer};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Whose webhooks were tried, and when by the server's clock.
type Tries = Arc<Mutex<Vec<(String, i64)>>>;

/// Takes webhooks; asks for two minutes at ada's first.
async fn host(tries: Tries) -> String {
    let take = async move |headers: HeaderMap, body: String| -> Response {
        let body: Value = serde_json::from_str(&body).unwrap();
        let user = body["data"]["userId"].as_str().unwrap().to_owned();
        let at = headers["webhook-timestamp"].to_str().unwrap().parse().unwrap();
        let mut tries = tries.lock().unwrap();
        let is_first = user == "ada" && !tries.iter().any(|(known, _)| *known == user);
        tries.push((user, at));
        if is_first {
            (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "120")]).into_response()
        } else {
            StatusCode::NO_CONTENT.into_response()
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        axum::serve(listener, Router::new().route("/hooks", post(take))).await.unwrap();
    });
    format!("http://{address}/hooks")
}

/// Gives a user the other role.
async fn toggle(server: &TestServer, user: &str) {
    let known = server.db.account(&user_id(user)).await.unwrap();
    let account = known.unwrap_or_else(|| Account::new(user_id(user), &policy()));
    let role = account.manual_role.is_none().then(|| Role::new("paid"));
    server.db.commit(assign(account, role, &policy(), server.now()).unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_host_that_asks_for_a_pause_gets_it() {
    let tries = Tries::default();
    let url = host(Arc::clone(&tries)).await.parse().unwrap();
    let secrets = Secrets::parse(SECRET).unwrap();
    let extend =
        |server: tierlift_embedded::Server| server.with_webhooks_out(url, secrets).unwrap();
    let server = TestServer::start_with(|_| {}, extend).await;
    eventually("it has begun", async || server.db.webhooks_taken().await.unwrap().is_some()).await;
    let of = |user: &str| {
        let tries = tries.lock().unwrap();
        let of = tries.iter().filter(|(known, _)| known == user);
        of.map(|(_, at)| at - START.as_secs()).collect::<Vec<_>>()
    };
    toggle(&server, "ada").await;
    let refused = async || server.db.webhooks_waiting().await.unwrap().error.is_some();
    eventually("it is refused", refused).await;
    // Without the host's wish it would be due at each of these times: the others' webhooks are sent then.
    for secs in [30, 60, 119] {
        server.pass_secs(START.as_secs() + secs - server.now().as_secs());
        toggle(&server, "bob").await;
        eventually("bob's is sent", async || of("bob").last() == Some(&secs)).await;
    }
    let gauges = async || {
        let text = server.get("/metrics", "").await.body;
        let gauge = |name: &str| {
            let line = format!("tierlift_outgoing_webhooks_{name} ");
            text.lines().find_map(|it| it.strip_prefix(&line)?.parse::<f64>().ok()).unwrap()
        };
        (gauge("pending"), gauge("oldest_age_seconds"), gauge("dead"))
    };
    eventually("only ada's waits", async || gauges().await == (1.0, 119.0, 0.0)).await;
    server.pass_secs(1);
    toggle(&server, "bob").await;
    eventually("ada's is sent", async || of("ada").len() == 2).await;
    assert_eq!(of("ada"), [0, 120]);
    eventually("nothing waits", async || gauges().await == (0.0, 0.0, 0.0)).await;
}
