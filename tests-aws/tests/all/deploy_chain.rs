//! From Stripe to the browser through the whole stack, for an upgrade and for the end of a role.

use serde_json::{Value, json};
use tierlift_core::ports::Store as _;
use tierlift_testkit::{
    facts::user_id,
    harness::{
        ORIGIN, WEBHOOK_SECRET,
        client::Request,
        eventually,
        localstripe::{CARD_PAYS, Localstripe},
        now,
        socket::Socket,
    },
};

use super::deploy::{Stack, subscribed};

/// Metrics that a purchase, its end and a closed tab produce.
const COUNTED: [(&str, &[&str]); 4] = [
    ("ingest", &["tierlift_webhooks_total", "tierlift_ack_seconds"]),
    (
        "worker",
        &[
            "tierlift_events_total",
            "tierlift_role_changes_total",
            "tierlift_queue_to_commit_seconds",
        ],
    ),
    ("notifier-stream", &["tierlift_notices_total", "tierlift_webhook_to_socket_seconds"]),
    ("notifier-gateway", &["tierlift_sockets_closed_total"]),
];

/// The next frame is this notice, of a change that was not seen before.
async fn receives_notice(tab: &mut Socket, kind: &str, [from, to]: [&str; 2], rev: u64) {
    let notice = tab.hear().await;
    assert_eq!((&notice["type"], &notice["userId"]), (&json!(kind), &json!("ada")), "{notice}");
    assert_eq!((&notice["previousRole"], &notice["role"]), (&json!(from), &json!(to)));
    assert_eq!(notice["revocationId"], rev);
}

async fn is_at(tab: &mut Socket, role: &str, rev: u64) {
    let snapshot = tab.sync().await;
    assert_eq!(snapshot["type"], "SNAPSHOT", "an extra frame: {snapshot}");
    assert_eq!((&snapshot["role"], &snapshot["revocationId"]), (&json!(role), &json!(rev)));
}

#[tokio::test]
async fn what_happens_at_stripe_reaches_every_tab_and_the_session() {
    let stack = Stack::start().await;
    let folder = tempfile::tempdir().unwrap();
    let stripe = Localstripe::start(&folder.path().join("log"), stack.output("WebhookUrl")).await;
    let mut tabs = [stack.socket("ada").await, stack.socket("ada").await];
    let mut bobs = stack.socket("bob").await;
    for tab in &mut tabs {
        is_at(tab, "free", 0).await;
        tab.say(r#"{"action":"ping"}"#).await;
        assert_eq!(tab.hear().await, json!({ "v": 1, "type": "PONG" }));
    }

    let customer = stripe.customer(Some("ada"), CARD_PAYS).await;
    let subscription = stripe.subscribe(&customer, "price_pro", &[]).await;
    for tab in &mut tabs {
        receives_notice(tab, "ROLE_UPGRADED", ["free", "paid"], 1).await;
        is_at(tab, "paid", 1).await;
    }
    a_stale_token_is_replaced(&stack).await;

    stripe.cancel(&subscription).await;
    for tab in &mut tabs {
        receives_notice(tab, "ROLE_DOWNGRADED", ["paid", "free"], 2).await;
        is_at(tab, "free", 2).await;
    }
    let session = stack.session("ada").await;
    assert_eq!((&session["role"], &session["revocationId"]), (&json!("free"), &json!(2)));
    is_at(&mut bobs, "free", 0).await;
    for mut tab in tabs {
        tab.wire.close(None).await.unwrap();
    }
    everything_is_counted(&stack).await;
}

async fn a_stale_token_is_replaced(stack: &Stack) {
    let stale = stack.token("ada", 0);
    stack.send(stack.session_request("GET", "", &stale)).await.assert(401, "token.stale");
    let answer = stack.send(stack.session_request("POST", "/refresh", &stale)).await;
    answer.assert(200, "");
    let refreshed = answer.json();
    assert_eq!(refreshed["user"]["role"], "paid");
    let fresh = refreshed["accessToken"].as_str().unwrap();
    let page = stack.session_request("GET", "", fresh).header("origin", ORIGIN);
    let answer = stack.send(page).await;
    answer.assert(200, "");
    assert_eq!(answer.headers["access-control-allow-origin"], ORIGIN);
    let session = answer.json();
    assert_eq!((&session["role"], &session["subscriptionActive"]), (&json!("paid"), &json!(true)));
    // A query that no route uses is ignored.
    let odd = stack.session_request("GET", "?a=<b>|\"^", fresh);
    stack.send(odd).await.assert(200, "");
    let stranger = stack.session_request("GET", "", "");
    let refused = stack.send(stranger).await;
    refused.assert(401, "token.missing");
    let page = stack.send(stack.page_request(&refused)).await;
    assert_eq!(
        (page.status, page.body.lines().next()),
        (200, Some("# `token.missing`: no bearer token was sent"))
    );
}

/// Each metric is a line in the embedded metric format: declared, and with a value.
async fn everything_is_counted(stack: &Stack) {
    for (function, metrics) in COUNTED {
        for metric in metrics {
            eventually(&format!("{function} counts {metric}"), async || {
                stack.log(function).await.iter().any(|line| is_embedded(line, function, metric))
            })
            .await;
        }
    }
}

fn is_embedded(line: &Value, function: &str, metric: &str) -> bool {
    let declared = &line["_aws"]["CloudWatchMetrics"][0];
    declared["Namespace"] == "tierlift"
        && declared["Metrics"][0]["Name"] == *metric
        && line["function"] == format!("tierlift-{function}")
        && !line[metric].is_null()
}

#[tokio::test]
async fn a_webhook_can_be_followed_by_its_trace() {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let stack = Stack::start().await;
    let event = subscribed("evt_1", "ada").to_string();
    let signature = tierlift_core::stripe::signature::sign(WEBHOOK_SECRET, event.as_bytes(), now());
    let request: Request<'_> = stack.webhook_request(event.as_bytes(), &signature);
    stack.send(request.header("traceparent", trace)).await.assert(200, "");
    for (function, message) in [("worker", "event processed"), ("notifier-stream", "change pushed")]
    {
        eventually(&format!("{function} logs it"), async || {
            let lines = stack.logged(function, message, "evt_1").await;
            let is_adas = |line: &Value| line["user"] == "ada" || line["users"] == "[ada]";
            lines.iter().any(|line| line["trace"] == trace && is_adas(line))
        })
        .await;
    }
}

/// Long enough for the purchase itself on a slow machine.
const PAID_FOR_SECS: i64 = 8;

#[tokio::test]
async fn a_role_ends_with_its_time_though_no_webhook_comes() {
    let stack = Stack::start().await;
    let mut tab = stack.socket("ada").await;
    let mut short = subscribed("evt_short", "ada");
    let end = now().plus_secs(PAID_FOR_SECS);
    short["data"]["object"]["items"]["data"][0]["current_period_end"] = end.as_secs().into();
    stack.accepts(&short).await;
    stack.accepts(&subscribed("evt_long", "bob")).await;
    receives_notice(&mut tab, "ROLE_UPGRADED", ["free", "paid"], 1).await;
    eventually("bob paid, too", async || stack.session("bob").await["role"] == "paid").await;

    let store = stack.store();
    eventually("the role is ended", async || {
        stack.tick("expiry").await;
        let account = store.account(&user_id("ada")).await.unwrap().unwrap();
        account.role.as_str() == "free"
    })
    .await;
    assert!(now().as_secs() >= end.as_secs(), "it ended before its time");
    receives_notice(&mut tab, "ROLE_DOWNGRADED", ["paid", "free"], 2).await;
    stack.tick("expiry").await;
    is_at(&mut tab, "free", 2).await;
    let bob = store.account(&user_id("bob")).await.unwrap().unwrap();
    assert_eq!((bob.role.as_str(), bob.revocation_id.0), ("paid", 1));
}
