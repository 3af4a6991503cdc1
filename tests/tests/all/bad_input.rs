//! Bad input through the real endpoint, with valid signatures: what is refused leaves nothing
//! behind, and what was accepted is never lost: it is parked with its cause until it can be applied.

use serde_json::{Value, json};
use tierlift_core::{
    codes::Code,
    ledger::Outcome,
    limits::WEBHOOK_BODY_BYTES_MAX,
    policy::{PlanConfig, Policy, PolicyConfig},
    ports::{DeadLetters as _, Depth, Store as _},
    stripe::signature::sign,
};
use tierlift_embedded::Settings;
use tierlift_testkit::{
    facts::event_id,
    harness::{WEBHOOK_SECRET, client::Request},
    webhook,
};

use crate::{
    pipeline::{accepted, account, drained},
    server::{START, TestServer},
};

/// A webhook of a subscription that is well, but for what stands at one place: something else, or
/// nothing. `"DEEP"` becomes many nested lists.
fn bent(id: &str, place: &str, value: Option<Value>) -> String {
    let mut event = webhook::subscription(id, "ada", "active", START);
    let (parent, key) = place.rsplit_once('/').unwrap();
    let parent = event.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(key.to_owned(), value),
        None => parent.remove(key),
    };
    event.to_string().replace("\"DEEP\"", &deep())
}

fn deep() -> String {
    format!("{}{}", "[".repeat(50_000), "]".repeat(50_000))
}

#[tokio::test]
async fn what_is_signed_and_accepted_but_cannot_be_applied_is_parked_with_its_cause() {
    let server = TestServer::start().await;
    let some = |value: Value| Some(value);
    let mut sent = Vec::new();
    for (place, value, cause) in [
        ("/data", None, Code::PayloadMalformed),
        ("/data", some(Value::Null), Code::PayloadMalformed),
        ("/data", some(json!([1])), Code::PayloadMalformed),
        ("/data", some("DEEP".into()), Code::PayloadMalformed),
        ("/data/object", None, Code::PayloadMalformed),
        ("/data/object", some("DEEP".into()), Code::PayloadMalformed),
        ("/data/object/status", None, Code::PayloadMalformed),
        ("/data/object/status", some(json!(["active"])), Code::PayloadMalformed),
        ("/data/object/id", some(json!(7)), Code::PayloadMalformed),
        ("/data/object/id", some("".into()), Code::PayloadMalformed),
        ("/data/object/customer", None, Code::PayloadMalformed),
        ("/data/object/customer", some(json!(7)), Code::PayloadMalformed),
        ("/data/object/customer", some("x".repeat(256).into()), Code::PayloadMalformed),
        ("/data/object/customer", some("DEEP".into()), Code::PayloadMalformed),
        ("/data/object/items", some("none".into()), Code::PayloadMalformed),
        ("/data/object/items", some("DEEP".into()), Code::PayloadMalformed),
        ("/data/object/metadata/user_id", some(json!(7)), Code::PayloadMalformed),
        ("/data/object/metadata/user_id", some("x".repeat(256).into()), Code::PayloadMalformed),
        ("/created", None, Code::PayloadMalformed),
        ("/created", some("now".into()), Code::PayloadMalformed),
        ("/created", some(json!(1e300)), Code::PayloadMalformed),
        ("/livemode", some("no".into()), Code::PayloadMalformed),
        ("/livemode", some(true.into()), Code::LivemodeMismatch),
        ("/data/object/items", None, Code::PlanUnmapped),
        ("/data/object/items/data", some(json!([])), Code::PlanUnmapped),
        (
            "/data/object/items/data",
            some(json!([{ "price": { "id": "price_x" } }])),
            Code::PlanUnmapped,
        ),
    ] {
        let id = format!("evt_{}", sent.len());
        let body = bent(&id, place, value);
        // Stripe may send it twice: that is one dead letter all the same.
        accepted(&server, body.as_bytes()).await;
        accepted(&server, body.as_bytes()).await;
        sent.push((id, place, body, cause));
    }
    // One that is odd, but not where anybody looks.
    let odd = bent("evt_odd", "/data/object/colour", some("DEEP".into()));
    accepted(&server, odd.as_bytes()).await;
    drained(&server).await;

    let letters = server.db.list(100).await.unwrap();
    assert_eq!(letters.len(), sent.len(), "{letters:?}");
    for (id, place, body, cause) in &sent {
        let letter = letters.iter().find(|letter| letter.message.event.as_str() == id).unwrap();
        assert_eq!(letter.failure.cause, *cause, "{place}: {:?}", letter.failure);
        assert_eq!(letter.failure.attempts, 1, "no retries are burned: {:?}", letter.failure);
        assert_eq!(letter.message.body, body.as_bytes(), "the bytes that were sent");
        assert!(server.db.ledger(&letter.message.event).await.unwrap().is_none());
    }
    let ada = account(&server, "ada").await;
    assert_eq!((ada.role.as_str(), ada.role_assigned_by), ("paid", Some(event_id("evt_odd"))));
    assert_eq!((ada.version.0, ada.revocation_id.0), (1, 1));
}

#[tokio::test]
async fn what_is_refused_leaves_nothing_behind() {
    let server = TestServer::start().await;
    let good = bent("evt_1", "/nothing", None);
    let mebibyte = bent("evt_1", "/padding", Some("x".repeat(1024 * 1024).into()));
    let just_too_large = bent("evt_1", "/padding", Some("x".repeat(WEBHOOK_BODY_BYTES_MAX).into()));
    let json = "application/json";
    for (body, kind, at, status, code) in [
        (&good[..good.len() - 1], json, START, 400, "payload.malformed"),
        (&good[1..], json, START, 400, "payload.malformed"),
        (&good.replace("evt_1", ""), json, START, 400, "payload.malformed"),
        (&deep(), json, START, 400, "payload.malformed"),
        ("\u{feff}{}", json, START, 400, "payload.malformed"),
        (&mebibyte, json, START, 413, "body.too_large"),
        (&just_too_large, json, START, 413, "body.too_large"),
        (&good, "application/x-www-form-urlencoded", START, 415, "content_type.unsupported"),
        (&good, json, START.plus_secs(-301), 400, "signature.expired"),
        (&good, json, START.plus_secs(301), 400, "signature.future"),
    ] {
        let signature = sign(WEBHOOK_SECRET, body.as_bytes(), at);
        let request = Request::new("POST", "/webhooks/stripe")
            .header("content-type", kind)
            .header("stripe-signature", &signature);
        server.send(request.body(body.as_bytes())).await.assert(status, code);
    }
    assert_eq!(server.db.depth().await.unwrap(), Depth::default());
    assert!(server.db.ledger(&event_id("evt_1")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_parked_event_is_applied_once_the_plan_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("kept.db");
    let keep = |settings: &mut Settings| settings.data.clone_from(&data);
    let body =
        bent("evt_1", "/data/object/items/data", Some(json!([{ "price": { "id": "new" } }])));
    let mut server = TestServer::start_with(keep, |server| server).await;
    accepted(&server, body.as_bytes()).await;
    drained(&server).await;
    assert!(server.db.redrive(&event_id("evt_1")).await.unwrap());
    drained(&server).await;
    let letters = server.db.list(2).await.unwrap();
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    assert_eq!(letter.failure.cause, Code::PlanUnmapped, "nothing was fixed yet");
    server.stop();
    server.ended().await.unwrap();

    let mend = |settings: &mut Settings| {
        keep(settings);
        settings.policy = policy_with("new").into();
    };
    let server = TestServer::start_with(mend, |server| server).await;
    let mut socket = server.socket(&server.token("ada", 0)).await;
    assert_eq!(socket.sync().await["role"], "free");
    assert!(server.db.redrive(&event_id("evt_1")).await.unwrap());
    let notice = socket.hear().await;
    assert_eq!((&notice["role"], &notice["eventId"]), (&json!("paid"), &json!("evt_1")));
    drained(&server).await;
    assert_eq!(server.db.depth().await.unwrap().dead, 0);
    assert!(!server.db.redrive(&event_id("evt_1")).await.unwrap());
    // Stripe sends it once more: the ledger knows it.
    accepted(&server, body.as_bytes()).await;
    drained(&server).await;
    assert_eq!(account(&server, "ada").await.revocation_id.0, 1);
}

fn policy_with(price: &str) -> Policy {
    Policy::new(PolicyConfig {
        roles: vec!["free".to_owned(), "paid".to_owned()],
        plans: vec![PlanConfig::new(price, "paid")],
        ..PolicyConfig::default()
    })
    .unwrap()
}

#[tokio::test]
async fn an_unknown_customer_waits_until_somebody_is_linked_to_it() {
    let server = TestServer::start().await;
    let mut socket = server.socket(&server.token("ada", 0)).await;
    socket.sync().await;
    accepted(&server, bent("evt_1", "/data/object/metadata", None).as_bytes()).await;
    drained(&server).await;
    let row = server.db.ledger(&event_id("evt_1")).await.unwrap().unwrap();
    assert_eq!((row.outcome, row.owners.len()), (Outcome::Waiting, 0));
    let checkout = json!({
        "id": "cs_1", "customer": "cus_ada", "subscription": "sub_ada", "payment_status": "paid",
        "client_reference_id": "ada",
    });
    let checkout = webhook::event("evt_2", "checkout.session.completed", START, &checkout);
    accepted(&server, checkout.to_string().as_bytes()).await;
    let notice = socket.hear().await;
    assert_eq!((&notice["role"], &notice["eventId"]), (&json!("paid"), &json!("evt_2")));
}
