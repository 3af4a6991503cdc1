//! The deployed fetch function: what events leave open, who paid before there was a webhook, and webhooks that never
//! came, asked of the stand-in for Stripe's API.

use serde_json::{Value, json};
use tierlift_core::{
    codes::Code,
    observation::Because,
    ports::{DeadLetters as _, ReconciliationRecord as _, Store as _, WaitingList as _},
    time::Clock,
};
use tierlift_testkit::{
    facts::{customer_id, event_id},
    harness::{NEVER_STALE, eventually, now},
    stripe_api::StripeApi,
    webhook,
};

use super::{
    deploy::Stack,
    person::{ACTS, Person},
};

const KEY: &str = "rk_test_1234567";

/// An account of Stripe that accepts the key.
fn stripe() -> StripeApi {
    StripeApi::start(KEY, Clock::new(now))
}

/// The event that creates a user's subscription, as long ago, with its object as Stripe's API shows it.
fn subscribed(user: &str, secs_ago: i64) -> Value {
    let at = now().plus_secs(-secs_ago);
    let mut event = webhook::subscription(&format!("evt_{user}"), user, "active", at);
    let object = &mut event["data"]["object"];
    object["object"] = "subscription".into();
    object["livemode"] = false.into();
    object["created"] = at.as_secs().into();
    event
}

async fn has_role(stack: &Stack, user: &str, role: &str) {
    eventually(&format!("{user} is {role}"), async || stack.session(user).await["role"] == role)
        .await;
}

/// The thin form of an event that happens now.
fn thin(event: &str, user: &str) -> Value {
    let mut snapshot = subscribed(user, 0);
    snapshot["id"] = event.into();
    webhook::thin(&snapshot, None)
}

/// Whether a log line has that metric with that value.
async fn measured(stack: &Stack, metric: &str, value: f64) {
    eventually(&format!("{metric} is {value}"), async || {
        let lines = stack.log("fetch").await;
        lines.iter().any(|line| line[metric].as_f64() == Some(value))
    })
    .await;
}

#[tokio::test]
async fn stripe_is_asked_about_everybody_and_about_what_is_unclear() {
    let api = stripe();
    let stack = Stack::start_asking(&api, KEY).await;
    let store = stack.store();
    // Who paid before.
    api.put(subscribed("bob", 86_400)["data"]["object"].clone());
    stack.tick("fetch").await;
    has_role(&stack, "bob", "paid").await;
    let import = store.reconciliation().await.unwrap().unwrap();
    assert_eq!((import.because, import.report.fixed), (Because::Import, 1));
    assert!(import.ended_at.is_some());
    measured(&stack, "tierlift_reconcile_fixed", 0.0).await;

    // Two events of one second; the one between them is lost.
    let mut second = subscribed("ada", 60);
    for (id, from, to) in [("evt_1", "active", "past_due"), ("evt_3", "unpaid", "paused")] {
        second["id"] = id.into();
        second["data"]["object"]["status"] = to.into();
        let updated = webhook::updated(second.clone(), Some(json!({ "status": from })));
        stack.accepts(&updated).await;
    }
    let ada = customer_id("cus_ada");
    eventually("both are applied", async || {
        let customer = store.customer(&ada).await.unwrap();
        customer.is_some_and(|customer| customer.fetch_due.is_some())
    })
    .await;
    api.put(subscribed("ada", 60)["data"]["object"].clone());
    stack.tick("fetch").await;
    has_role(&stack, "ada", "paid").await;
    assert_eq!(store.customer(&ada).await.unwrap().unwrap().fetch_due, None);
    measured(&stack, "tierlift_fetches_total", 1.0).await;

    // A webhook that never came, a day later.
    let lost = subscribed("eve", 600);
    api.put(lost["data"]["object"].clone());
    api.put(lost);
    stack.tick("fetch").await;
    assert_eq!(stack.session("eve").await["role"], "free", "the last one is recent");
    let mut before = store.reconciliation().await.unwrap().unwrap();
    before.begun_at = before.begun_at.plus_days(-1);
    store.set_reconciliation(before).await.unwrap();
    stack.tick("fetch").await;
    has_role(&stack, "eve", "paid").await;
    let done = store.reconciliation().await.unwrap().unwrap();
    assert_eq!((done.because, done.report.fixed), (Because::Reconcile, 1));
    assert_eq!((done.report.right, done.report.never_came), (2, 1));
    measured(&stack, "tierlift_reconcile_fixed", 1.0).await;
    for user in ["ada", "bob", "eve"] {
        assert_eq!(stack.session(user).await["role"], "paid", "{user}");
    }
}

#[tokio::test]
async fn a_thin_event_is_applied_by_what_stripe_answers_and_a_redrive_asks_again() {
    let api = stripe();
    let stack = Stack::start_asking(&api, KEY).await;
    let (store, queue) = (stack.store(), stack.queue());
    let because = async |event: &str| {
        let row = store.ledger(&event_id(event)).await.unwrap();
        row.and_then(|row| row.because)
    };
    api.put(subscribed("ada", 0)["data"]["object"].clone());
    stack.accepts(&thin("evt_ada", "ada")).await;
    has_role(&stack, "ada", "paid").await;
    eventually("it is applied under its own id", async || {
        because("evt_ada").await == Some(Because::Thin)
    })
    .await;
    assert_eq!(stack.session("ada").await["revocationId"], 1);

    // Nobody knows what it names; a redrive asks again.
    stack.accepts(&thin("evt_bob", "bob")).await;
    eventually("it is a dead letter", async || {
        let letter = queue.get(&event_id("evt_bob")).await.unwrap();
        letter.is_some_and(|letter| letter.failure.cause == Code::EventThin)
    })
    .await;
    api.put(subscribed("bob", 0)["data"]["object"].clone());
    assert!(queue.redrive(&event_id("evt_bob")).await.unwrap());
    has_role(&stack, "bob", "paid").await;
    eventually("it is applied", async || because("evt_bob").await == Some(Because::Thin)).await;
    assert_eq!(queue.depth().await.unwrap().dead, 0);
    let asked = api.targets().iter().filter(|it| it.starts_with("/v1/subscriptions/")).count();
    assert!((3..=6).contains(&asked), "{asked} requests");
}

#[tokio::test]
async fn an_operator_sees_the_thin_events_that_wait_for_stripe_and_those_that_it_does_not_know() {
    let api = stripe();
    let stack = Stack::start_asking(&api, KEY).await;
    let (ada, eve) =
        (Person::with(&stack, "ada", &ACTS[..1]).await, Person::with(&stack, "eve", &ACTS).await);
    assert_eq!(ada.checked("status", "status")["thinQueued"], 0);
    api.hold();
    stack.accepts(&thin("evt_1", "ada")).await;
    let one = Value::from(1);
    ada.eventually("status", |it| {
        [&it["thinQueued"], &it["queued"], &it["inFlight"]].iter().all(|count| **count == one)
    });
    let status = ada.run("status", 0);
    assert!(status.contains("  thin events         1\n"), "{status}");
    api.release();
    let status = ada.eventually("status", |it| it["deadLettersByCause"]["event.thin"] == 1);
    assert_eq!((&status["thinQueued"], &status["queued"]), (&0.into(), &0.into()), "{status}");
    let shown = ada.run("dead-letters show evt_1", 0);
    assert!(shown.contains("sub_ada"), "{shown}");
    api.put(subscribed("ada", 0)["data"]["object"].clone());
    eve.run("dead-letters redrive evt_1 --reason known", 0);
    eve.eventually("explain ada", |it| it["role"] == "paid");
}

#[tokio::test]
async fn what_a_refunded_payment_paid_for_is_asked_for() {
    let api = stripe();
    let stack = Stack::start_asking(&api, KEY).await;
    let store = stack.store();
    let charge = json!({ "id": "ch_1", "object": "charge", "payment_intent": "pi_1",
        "amount": 900, "amount_refunded": 900, "refunded": true });
    stack.accepts(&webhook::event("evt_1", "charge.refunded", now(), &charge)).await;
    let waits = async || {
        let waiting = store.waiting(9).await.unwrap();
        waiting.iter().any(|waiting| waiting.cause == Code::PaymentUnlinked)
    };
    eventually("nobody knows what it paid for", async || waits().await).await;
    api.put(json!({ "id": "cs_1", "object": "checkout.session", "mode": "payment",
        "status": "complete", "created": now().as_secs() - 60, "customer": "cus_1",
        "subscription": null, "payment_intent": "pi_1", "payment_status": "paid",
        "livemode": false, "client_reference_id": "ada" }));
    stack.tick("fetch").await;
    eventually("it is known", async || !waits().await).await;
}

#[tokio::test]
async fn what_is_always_asked_for_finds_an_event_that_was_lost() {
    let api = stripe();
    let stack = Stack::start_asking(&api, KEY).await;
    stack.update(&["StripeFetch=always"]);
    let paid = subscribed("ada", 60);
    stack.accepts(&paid).await;
    has_role(&stack, "ada", "paid").await;
    // The event about its end is lost.
    let mut ended = paid["data"]["object"].clone();
    ended["status"] = "unpaid".into();
    api.put(ended);
    stack.tick("fetch").await;
    has_role(&stack, "ada", "free").await;
    assert_eq!(
        stack.store().customer(&customer_id("cus_ada")).await.unwrap().unwrap().fetch_due,
        None
    );
}

#[tokio::test]
async fn a_key_that_does_not_fit_asks_nothing_and_fails_the_function_and_the_next_deployment() {
    let api = stripe();
    let stack = Stack::start_asking(&api, KEY).await;
    let rotated = json!({ "SecretId": "stripe-key", "SecretString": "rk_live_1234567" });
    stack.call("secretsmanager.PutSecretValue", &rotated).await;
    assert!(!stack.ticks("fetch").await, "an alarm counts failed invocations");
    eventually("the log says why", async || {
        let lines = stack.log("fetch").await;
        lines.iter().any(|line| line["code"] == "stripe.wrong_mode" && line["level"] == "ERROR")
    })
    .await;
    let shown = |line: &Value| line.to_string().contains("rk_live_1234567");
    assert!(!stack.log("fetch").await.iter().any(shown));
    assert_eq!(api.targets(), [""; 0]);
    let events = stack.fails_to_update(&["Plans=price_pro=team"]);
    assert!(events.contains("live mode") && !events.contains("rk_live_1234567"), "{events}");
}

#[tokio::test]
async fn a_page_that_is_back_from_a_checkout_gets_what_was_paid_for() {
    let api = stripe();
    let stack = Stack::start_asking(&api, KEY).await;
    let bought = subscribed("ada", 60)["data"]["object"].clone();
    let at = bought["created"].clone();
    api.put(json!({
        "id": "cs_1", "object": "checkout.session", "mode": "subscription", "status": "complete",
        "payment_status": "paid", "livemode": false, "created": at, "customer": "cus_ada",
        "client_reference_id": "ada", "subscription": "sub_ada",
    }));
    api.put(bought);
    let confirm = async |user: &str, checkout: &str| {
        let token = stack.token(user, NEVER_STALE);
        let body = json!({ "checkoutSessionId": checkout }).to_string();
        let request = stack.session_request("POST", "/confirm", &token);
        stack.send(request.body(body.as_bytes())).await
    };
    let mut tab = stack.socket("ada").await;
    let answer = confirm("ada", "cs_1").await;
    answer.assert(200, "");
    // The worker of the emulator may be slower than a page waits.
    assert_eq!(tab.hear().await["role"], "paid");
    has_role(&stack, "ada", "paid").await;
    confirm("eve", "cs_1").await.assert(403, "checkout.foreign");
    confirm("ada", "cs_2").await.assert(404, "checkout.not_found");
    assert_eq!(stack.session("eve").await["role"], "free");
}
