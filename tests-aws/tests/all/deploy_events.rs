//! Events that come twice, in the wrong order, broken, or where they may not be written.

use std::fs;

use serde_json::{Value, json};
use tierlift_aws::queue::Queue;
use tierlift_core::ports::{DeadLetters as _, Store as _};
use tierlift_tests::facts::{event_id, user_id};

use super::deploy::{Stack, subscribed, template};
use crate::process::until;

/// The events that the worker set aside or tried again, or whatever else is their outcome.
async fn outcomes(stack: &Stack, outcome: &str) -> u64 {
    stack.counted("worker", "tierlift_events_total", ("outcome", outcome)).await
}

async fn becomes(stack: &Stack, user: &str, role: &str, rev: u64) {
    until(&format!("{user} is {role}"), async || {
        let session = stack.session(user).await;
        session["role"] == role && session["revocationId"] == rev
    })
    .await;
}

/// Puts the bare body into the queue, past ingest and past the queue's own memory of event ids.
async fn enqueue(stack: &Stack, event: &Value, again: &str) {
    let message = json!({
        "QueueUrl": stack.output("QueueUrl"),
        "MessageBody": event.to_string(),
        "MessageGroupId": event["data"]["object"]["customer"],
        "MessageDeduplicationId": again,
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
    for again in ["again", "and again"] {
        enqueue(&stack, &event, again).await;
    }
    until("both are known", async || outcomes(&stack, "duplicate").await == 2).await;
    assert_eq!(outcomes(&stack, "applied").await, 1);
    assert_eq!(tab.sync().await["type"], "SNAPSHOT", "and no second notice");
    becomes(&stack, "ada", "paid", 1).await;
}

#[tokio::test]
async fn the_order_in_which_events_come_does_not_matter() {
    let stack = Stack::start().await;
    // Within one second, so that nothing but the edge tells the order.
    let mut incomplete = subscribed("evt_created", "ada");
    incomplete["data"]["object"]["status"] = "incomplete".into();
    let mut activated = subscribed("evt_activated", "ada");
    activated["created"] = incomplete["created"].clone();
    activated["type"] = "customer.subscription.updated".into();
    activated["data"]["previous_attributes"] = json!({ "status": "incomplete" });
    // And an end that comes before its beginning.
    let begun = subscribed("evt_begun", "bob");
    let mut ended = subscribed("evt_ended", "bob");
    ended["created"] = (begun["created"].as_i64().unwrap() + 1).into();
    ended["type"] = "customer.subscription.deleted".into();
    ended["data"]["object"]["status"] = "canceled".into();

    let store = stack.store();
    for event in [&activated, &incomplete, &ended, &begun] {
        stack.accepts(event).await;
        let id = event_id(event["id"].as_str().unwrap());
        until("it is in the ledger", async || store.ledger(&id).await.unwrap().is_some()).await;
    }
    becomes(&stack, "ada", "paid", 1).await;
    becomes(&stack, "bob", "free", 0).await;
}

/// A look at the letters takes a second, so they are counted first.
async fn dead(queue: &Queue, count: u64) {
    until(&format!("{count} are set aside"), async || queue.depth().await.unwrap().dead == count)
        .await;
}

/// The causes of the dead letters, by event; each was tried once.
async fn causes(queue: &Queue) -> Vec<(String, &'static str)> {
    let letters = queue.list(10).await.unwrap();
    let mut causes: Vec<_> = letters
        .into_iter()
        .map(|letter| {
            assert_eq!(letter.failure.attempts, 1, "{letter:?}");
            (letter.message.event.to_string(), letter.failure.cause.as_str())
        })
        .collect();
    causes.sort();
    causes
}

#[tokio::test]
async fn what_cannot_be_applied_is_set_aside_and_comes_back_when_it_can() {
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

    // As long as nothing is mended it fails as before.
    assert!(queue.redrive(&event_id("evt_gold")).await.unwrap());
    until("it failed again", async || {
        stack.said("worker", "event parked as a dead letter", "evt_gold").await.len() == 2
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

    assert!(!queue.redrive(&event_id("evt_gold")).await.unwrap(), "it is no letter any more");
    enqueue(&stack, &gold, "again").await;
    until("it is known", async || outcomes(&stack, "duplicate").await == 1).await;
    assert_eq!(tab.sync().await["type"], "SNAPSHOT", "and no second notice");
}

#[tokio::test]
async fn an_event_that_may_not_be_written_waits_until_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let weaker = folder.path().join("template.yaml");
    let whole = fs::read_to_string(template()).unwrap();
    let commit = "Sid: Commit\n                Effect: Allow\n";
    assert_eq!(whole.matches(commit).count(), 1);
    fs::write(&weaker, whole.replace(commit, &commit.replace("Allow", "Deny"))).unwrap();
    // The functions stay, since the emulator ends one that is at work when its code is replaced.
    let same_code = "CodePrefix=release";
    let stack = Stack::start_from(&weaker, &[same_code]).await;
    stack.accepts(&subscribed("evt_1", "ada")).await;
    until("it was tried", async || {
        let tries = stack.said("worker", "event failed, retry scheduled", "evt_1").await;
        tries.iter().any(|line| line["cause"] == "store.unavailable")
    })
    .await;
    let store = stack.store();
    assert_eq!(store.account(&user_id("ada")).await.unwrap(), None);
    assert_eq!(store.ledger(&event_id("evt_1")).await.unwrap(), None);

    stack.update(&[same_code]);
    becomes(&stack, "ada", "paid", 1).await;
    until("the queue is empty", async || {
        let depth = stack.queue().depth().await.unwrap();
        (depth.queued, depth.dead) == (0, 0)
    })
    .await;
}
