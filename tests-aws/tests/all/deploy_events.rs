//! Repeated, unordered and malformed events, and a worker without the right to commit.

use std::fs;

use serde_json::{Value, json};
use tierlift_aws::queue::Queue;
use tierlift_core::ports::{DeadLetters as _, Store as _};
use tierlift_testkit::{
    facts::{event_id, user_id},
    harness::{eventually, now},
    webhook,
};

use super::deploy::{Stack, subscribed, template};

/// The number of events with an outcome, such as `parked` or `retried`.
async fn outcomes(stack: &Stack, outcome: &str) -> u64 {
    stack.counted("worker", "tierlift_events_total", ("outcome", outcome)).await
}

async fn becomes(stack: &Stack, user: &str, role: &str, rev: u64) {
    eventually(&format!("{user} is {role}"), async || {
        let session = stack.session(user).await;
        session["role"] == role && session["revocationId"] == rev
    })
    .await;
}

/// Sends an event to the queue past ingest, under a deduplication id of its own.
async fn enqueue(stack: &Stack, event: &Value, deduplication: &str) {
    let message = json!({
        "QueueUrl": stack.output("QueueUrl"),
        "MessageBody": event.to_string(),
        "MessageGroupId": event["data"]["object"]["customer"],
        "MessageDeduplicationId": deduplication,
    });
    stack.call("AmazonSQS.SendMessage", &message).await;
}

#[tokio::test]
async fn an_event_counts_once_however_often_it_comes() {
    let stack = Stack::start().await;
    let mut tab = stack.socket("ada").await;
    let event = subscribed("evt_1", "ada");
    for _ in 0..3 {
        stack.accepts(&event).await;
    }
    assert_eq!(tab.hear().await["revocationId"], 1);
    for deduplication in ["first-repeat", "second-repeat"] {
        enqueue(&stack, &event, deduplication).await;
    }
    eventually("both are duplicates", async || outcomes(&stack, "duplicate").await == 2).await;
    assert_eq!(outcomes(&stack, "applied").await, 1);
    assert_eq!(tab.sync().await["type"], "SNAPSHOT", "and no second notice");
    becomes(&stack, "ada", "paid", 1).await;
}

#[tokio::test]
async fn the_order_in_which_events_come_does_not_matter() {
    let stack = Stack::start().await;
    // Within one second, so that only the edge shows the order.
    let at = now();
    let incomplete = webhook::subscription("evt_created", "ada", "incomplete", at);
    let activated = webhook::subscription("evt_activated", "ada", "active", at);
    let activated = webhook::updated(activated, Some(json!({ "status": "incomplete" })));
    // And a deletion that arrives before the creation.
    let begun = webhook::subscription("evt_begun", "bob", "active", at);
    let mut ended = webhook::subscription("evt_ended", "bob", "canceled", at.plus_secs(1));
    ended["type"] = "customer.subscription.deleted".into();

    let store = stack.store();
    for event in [&activated, &incomplete, &ended, &begun] {
        stack.accepts(event).await;
        let id = event_id(event["id"].as_str().unwrap());
        eventually("it is in the ledger", async || store.ledger(&id).await.unwrap().is_some())
            .await;
    }
    becomes(&stack, "ada", "paid", 1).await;
    becomes(&stack, "bob", "free", 0).await;
}

/// Waits until there are that many dead letters. Counting them is faster than a scan.
async fn dead(queue: &Queue, count: u64) {
    eventually(&format!("{count} are parked"), async || queue.depth().await.unwrap().dead == count)
        .await;
}

/// The causes of the dead letters by event; each had one attempt.
async fn causes(queue: &Queue) -> Vec<(String, &'static str)> {
    let dead_letters = queue.list(10).await.unwrap();
    let mut causes: Vec<_> = dead_letters
        .into_iter()
        .map(|dead| {
            assert_eq!(dead.failure.attempts, 1, "{dead:?}");
            (dead.message.event.to_string(), dead.failure.cause.as_str())
        })
        .collect();
    causes.sort();
    causes
}

#[tokio::test]
async fn an_event_that_cannot_be_applied_is_parked_and_applied_after_a_redrive() {
    let stack = Stack::start().await;
    let mut broken = subscribed("evt_broken", "ada");
    broken["data"]["object"]["status"] = 5.into();
    let mut gold = subscribed("evt_gold", "bob");
    gold["data"]["object"]["items"]["data"][0]["price"]["id"] = "price_gold".into();
    for event in [&broken, &gold, &subscribed("evt_next", "ada")] {
        stack.accepts(event).await;
    }
    becomes(&stack, "ada", "paid", 1).await;
    let queue = stack.queue();
    let broken = ("evt_broken".to_owned(), "payload.malformed");
    let both = [broken.clone(), ("evt_gold".to_owned(), "plan.unmapped")];
    dead(&queue, 2).await;
    assert_eq!(causes(&queue).await, both);

    // As long as the cause remains, it fails again.
    assert!(queue.redrive(&event_id("evt_gold")).await.unwrap());
    eventually("it failed again", async || {
        stack.logged("worker", "event parked as a dead letter", "evt_gold").await.len() == 2
    })
    .await;
    assert_eq!(causes(&queue).await, both, "it must not be lost");

    let mut tab = stack.socket("bob").await;
    assert_eq!(tab.sync().await["role"], "free");
    stack.update(&["Plans=price_pro=paid,price_gold=team"]);
    assert!(queue.redrive(&event_id("evt_gold")).await.unwrap());
    let notice = tab.hear().await;
    assert_eq!((&notice["role"], &notice["eventId"]), (&json!("team"), &json!("evt_gold")));
    assert_eq!(causes(&queue).await, [broken]);

    assert!(!queue.redrive(&event_id("evt_gold")).await.unwrap(), "it is no dead letter any more");
    enqueue(&stack, &gold, "repeat").await;
    eventually("it is a duplicate", async || outcomes(&stack, "duplicate").await == 1).await;
    assert_eq!(tab.sync().await["type"], "SNAPSHOT", "and no second notice");
}

#[tokio::test]
async fn an_event_waits_until_the_worker_may_commit() {
    let folder = tempfile::tempdir().unwrap();
    let without_commit = folder.path().join("template.yaml");
    let packaged = fs::read_to_string(template()).unwrap();
    let commit = "Sid: Commit\n                Effect: Allow\n";
    assert_eq!(packaged.matches(commit).count(), 1);
    fs::write(&without_commit, packaged.replace(commit, &commit.replace("Allow", "Deny"))).unwrap();
    // The code stays the same: the emulator ends a running function whose code is replaced.
    let same_code = "CodePrefix=release";
    let stack = Stack::start_from(&without_commit, &[same_code]).await;
    stack.accepts(&subscribed("evt_1", "ada")).await;
    eventually("it was tried", async || {
        let retries = stack.logged("worker", "event not applied yet", "evt_1").await;
        retries.iter().any(|line| line["cause"] == "store.unavailable")
    })
    .await;
    let store = stack.store();
    assert_eq!(store.account(&user_id("ada")).await.unwrap(), None);
    assert_eq!(store.ledger(&event_id("evt_1")).await.unwrap(), None);

    stack.update(&[same_code]);
    becomes(&stack, "ada", "paid", 1).await;
    eventually("the queue is empty", async || {
        let depth = stack.queue().depth().await.unwrap();
        (depth.queued, depth.dead) == (0, 0)
    })
    .await;
}
