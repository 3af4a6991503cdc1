//! Webhooks at the deployed API: which are refused, which are accepted, and rotated secrets.

use serde_json::Value;
use tierlift_core::{limits::WEBHOOK_BODY_BYTES_MAX, ports::Store as _, stripe::signature::sign};
use tierlift_testkit::{
    facts::event_id,
    harness::{WEBHOOK_SECRET, eventually, now},
};

use super::deploy::{Stack, subscribed, template};

/// The body of an event, padded to that many bytes.
fn sized(event: &str, user: &str, bytes: usize) -> Vec<u8> {
    let mut body = subscribed(event, user);
    // Not all of it is ASCII.
    body["data"]["object"]["description"] = "Abo für 5 € 🎉 ".into();
    let padding = bytes - body.to_string().len() - r#","padding":"""#.len();
    body["padding"] = "x".repeat(padding).into();
    let body = body.to_string().into_bytes();
    assert_eq!(body.len(), bytes);
    body
}

#[tokio::test]
async fn a_webhook_is_refused_with_its_code() {
    let stack = Stack::start().await;
    let body = subscribed("evt_1", "ada").to_string().into_bytes();
    let good = sign(WEBHOOK_SECRET, &body, now());
    let other = sign(WEBHOOK_SECRET, b"{}", now());
    let old = sign(WEBHOOK_SECRET, &body, now().plus_secs(-301));
    for (signature, kind, status, code) in [
        ("", "application/json", 400, "signature.missing"),
        ("t=1", "application/json", 400, "signature.no_v1"),
        (&other, "application/json", 400, "signature.mismatch"),
        (&old, "application/json", 400, "signature.expired"),
        (&good, "text/plain", 415, "content_type.unsupported"),
        (&good, "application/json; charset=utf-8", 200, ""),
    ] {
        let request = stack.webhook_request(&body, signature).header("content-type", kind);
        stack.send(request).await.assert(status, code);
    }
    let forged = stack.webhook(&body, "whsec_other").await;
    forged.assert(400, "signature.mismatch");
    stack.webhook(b"no JSON", WEBHOOK_SECRET).await.assert(400, "payload.malformed");
    let large = sized("evt_large", "bob", WEBHOOK_BODY_BYTES_MAX + 1);
    stack.webhook(&large, WEBHOOK_SECRET).await.assert(413, "body.too_large");
    let mut uninteresting = subscribed("evt_2", "ada");
    uninteresting["type"] = "invoice.created".into();
    is_ignored(&stack, &uninteresting, "invoicing").await;
}

async fn is_ignored(stack: &Stack, event: &Value, reason: &str) {
    let answer = stack.webhook(event.to_string().as_bytes(), WEBHOOK_SECRET).await;
    let expected = format!(r#"{{"status":"ignored","reason":"{reason}"}}"#);
    assert_eq!((answer.status, answer.body), (200, expected));
}

#[tokio::test]
async fn an_event_of_a_connected_account_counts_if_the_account_is_listed() {
    let stack = Stack::start_from(&template(), &["ConnectedAccounts=acct_ours"]).await;
    let of = |event, account: &str| {
        let mut event = subscribed(event, "ada");
        event["account"] = account.into();
        event
    };
    is_ignored(&stack, &of("evt_1", "acct_theirs"), "connected_account").await;
    stack.accepts(&of("evt_2", "acct_ours")).await;
    eventually("ada has paid", async || stack.session("ada").await["role"] == "paid").await;
}

#[tokio::test]
async fn a_body_is_accepted_up_to_the_limit_and_in_either_encoding() {
    let stack = Stack::start().await;
    let store = stack.store();
    let whole = sized("evt_whole", "ada", WEBHOOK_BODY_BYTES_MAX);
    stack.webhook(&whole, WEBHOOK_SECRET).await.assert(200, "");
    // Without a content type the API passes it on in base64.
    let encoded = sized("evt_encoded", "bob", 5_000);
    let signature = sign(WEBHOOK_SECRET, &encoded, now());
    stack.send(stack.webhook_request(&encoded, &signature)).await.assert(200, "");
    for event in ["evt_whole", "evt_encoded"] {
        eventually(&format!("{event} is in the ledger"), async || {
            store.ledger(&event_id(event)).await.unwrap().is_some()
        })
        .await;
    }
}

#[tokio::test]
async fn a_rotated_secret_works_without_a_deployment() {
    let stack = Stack::start().await;
    let post = async |event: &str, secret: &str| {
        let body = subscribed(event, "ada").to_string();
        stack.webhook(body.as_bytes(), secret).await
    };
    post("evt_1", WEBHOOK_SECRET).await.assert(200, "");
    stack.put_webhook_secret(&format!("whsec_9JfZ3kWq7mXbT1vRyD5c,{WEBHOOK_SECRET}")).await;
    // The function re-reads the secret when no signature matches, but not at every request.
    eventually("the new one is known", async || {
        post("evt_2", "whsec_9JfZ3kWq7mXbT1vRyD5c").await.status == 200
    })
    .await;
    post("evt_3", WEBHOOK_SECRET).await.assert(200, "");
    post("evt_4", "whsec_other").await.assert(400, "signature.mismatch");
    eventually("the function that was there before said so", async || {
        let rotated = |line: &serde_json::Value| line["message"] == "secret rotated";
        stack.log("ingest").await.iter().any(rotated)
    })
    .await;
    let lines = stack.log("ingest").await;
    let log = serde_json::to_string(&lines).unwrap();
    assert!(!log.contains("whsec_"), "a secret is in the log: {log}");
}
