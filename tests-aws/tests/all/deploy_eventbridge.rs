//! Events that Stripe sends by `EventBridge`, on the bus of its partner event source: they end where webhooks do.

use serde_json::{Value, json};
use tierlift_core::{
    ports::{DeadLetters as _, Store as _},
    time::Timestamp,
};
use tierlift_testkit::{
    facts::{customer_id, event_id, user_id},
    harness::{eventually, now},
    webhook,
};

use super::deploy::{Stack, template};

const SOURCE: &str = "aws.partner/stripe.com/ed_test_1234567";

async fn start() -> Stack {
    Stack::start_from(&template(), &[&format!("StripeEventSource={SOURCE}")]).await
}

impl Stack {
    /// Puts an event on the bus, as Stripe does.
    async fn sends(&self, event: &Value) {
        let (kind, detail) = (&event["type"], event.to_string());
        let entry = json!({ "Source": SOURCE, "DetailType": kind, "Detail": detail });
        let sent = self.call("AWSEvents.PutPartnerEvents", &json!({ "Entries": [entry] })).await;
        assert_eq!(sent["FailedEntryCount"], 0, "{sent}");
    }
}

/// A life in three events: it begins, a renewal fails, and it is paid.
fn life(user: &str, at: Timestamp) -> Vec<Value> {
    let event = |number: i64, status| {
        let id = format!("evt_{user}_{number}");
        webhook::subscription(&id, user, status, at.plus_secs(number))
    };
    let was = |status: &str| Some(json!({ "status": status }));
    vec![
        event(0, "active"),
        webhook::updated(event(60, "past_due"), was("active")),
        webhook::updated(event(120, "active"), was("past_due")),
    ]
}

#[tokio::test]
async fn equal_histories_end_in_equal_states_by_webhook_and_by_eventbridge() {
    let stack = start().await;
    let at = now().plus_secs(-600);
    for event in life("webhook", at) {
        stack.accepts(&event).await;
    }
    // Twice each and the last one first; one of them by webhook, too.
    let events = life("partner", at);
    for event in events.iter().rev().chain(&events) {
        stack.sends(event).await;
    }
    stack.accepts(&events[1]).await;
    let store = stack.store();
    let state = async |user: &str| {
        let mut rows = Vec::new();
        for event in life(user, at) {
            let id = event_id(event["id"].as_str().unwrap());
            rows.push(store.ledger(&id).await.unwrap()?);
        }
        let customer = store.customer(&customer_id(&format!("cus_{user}"))).await.unwrap()?;
        let account = store.account(&user_id(user)).await.unwrap()?;
        let subscriptions = serde_json::to_string(&customer.subscriptions).unwrap();
        let state = (subscriptions, account.role.clone(), account.grants.len(), rows.len());
        Some((state.0.replace(user, "user"), state.1, state.2, state.3))
    };
    eventually("all are applied, with equal states", async || {
        let (one, other) = (state("webhook").await, state("partner").await);
        one.is_some() && one == other
    })
    .await;
    let session = stack.session("partner").await;
    assert_eq!((&session["role"], &session["status"]), (&json!("paid"), &json!("active")));
    assert_eq!(stack.queue().depth().await.unwrap().dead, 0);
}

#[tokio::test]
async fn events_are_ignored_or_parked_as_webhooks_are() {
    let stack = start().await;
    let mut foreign = webhook::subscription("evt_1", "ada", "active", now());
    foreign["account"] = "acct_1".into();
    stack.sends(&foreign).await;
    stack.sends(&webhook::event("evt_2", "payout.paid", now(), &json!({}))).await;
    let mut live = webhook::subscription("evt_3", "ada", "active", now());
    live["livemode"] = true.into();
    stack.sends(&live).await;
    eventually("two are ignored and one is a dead letter", async || {
        let ignored = async |reason| {
            stack.counted("ingest-eventbridge", "tierlift_ignored_total", ("reason", reason)).await
        };
        let dead = stack.queue().list(10).await.unwrap();
        let causes: Vec<_> = dead.iter().map(|letter| letter.failure.cause.as_str()).collect();
        ignored("connected_account").await == 1
            && ignored("payout").await == 1
            && causes == ["livemode.mismatch"]
    })
    .await;
    assert_eq!(stack.session("ada").await["role"], "free");
}
