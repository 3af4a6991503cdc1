//! Dead letters on SQS: parked by the worker, moved by SQS itself, and redriven.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::json;
use tierlift_aws::queue::Queue;
use tierlift_core::{
    codes::Code,
    failure::{Failure, FailureRecord},
    ports::{DeadLetter, DeadLetters as _, Enqueue as _, Message, Queue as _},
    time::Timestamp,
};
use tierlift_testkit::{
    facts::{event_id, message},
    harness::now,
};

use super::{queue_edges::receive_one, resources::TestResources};

async fn start() -> (TestResources, Queue) {
    let resources = TestResources::start().await;
    let queue = resources.queue(&resources.sdk().await);
    (resources, queue)
}

async fn send(queue: &Queue, event: &str, customer: &str) -> Message {
    let message = message(event, customer, Timestamp::from_micros(1_795_000_000_123_456));
    queue.enqueue(message.clone()).await.unwrap();
    message
}

async fn list_all(queue: &Queue) -> Vec<DeadLetter> {
    queue.list(100).await.unwrap()
}

/// The numbers of messages and of dead letters.
async fn depth(queue: &Queue) -> (u64, u64) {
    let depth = queue.depth().await.unwrap();
    (depth.queued, depth.dead)
}

fn failure(error: &str) -> Failure {
    Failure::new(Code::StoreUnavailable, &error)
}

/// Every field at once: SQS allows ten attributes, and only some characters in them.
#[tokio::test]
async fn a_dead_letter_has_every_field_of_its_message_and_its_failures() {
    let (_resources, queue) = start().await;
    let sent = Message {
        trace: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        body: Bytes::from_static(b"\0 odd \xff"),
        ..message("evt_\u{ffff}", "cus_ \u{fffe}", Timestamp::from_micros(1_795_000_000_123_456))
    };
    let before = now();
    queue.enqueue(sent.clone()).await.unwrap();
    queue.retry(&receive_one(&queue).await, 0, failure("first")).await.unwrap();
    let failed = now();
    queue.retry(&receive_one(&queue).await, 0, failure("")).await.unwrap();
    let text = format!("\0\u{7f}{}", "é".repeat(1_000));
    let last = Failure::new(Code::AccountTooLarge, &text);
    queue.park(&receive_one(&queue).await, last.clone()).await.unwrap();
    let dead_letters = list_all(&queue).await;
    assert_eq!(dead_letters.len(), 1);
    let DeadLetter { message, failure } = &dead_letters[0];
    assert_eq!(message, &sent);
    let FailureRecord { cause, attempts, first_at, last_at, last_error, .. } = failure;
    assert_eq!((*cause, *attempts, last_error), (last.cause, 3, &last.error));
    assert!(before <= *first_at && *first_at <= failed, "{failure:?}");
    assert!(failed <= *last_at && *last_at <= now(), "{failure:?}");
}

#[tokio::test]
async fn a_redriven_message_that_fails_again_is_a_dead_letter_again_within_minutes() {
    let (_resources, queue) = start().await;
    let sent = send(&queue, "evt_1", "cus_1").await;
    for round in 1..=3 {
        let delivery = receive_one(&queue).await;
        assert_eq!((&delivery.message, delivery.attempt), (&sent, 1), "round {round}");
        queue.park(&delivery, failure("away")).await.unwrap();
        let dead_letters = list_all(&queue).await;
        assert_eq!((&dead_letters[0].message, dead_letters.len()), (&sent, 1), "round {round}");
        assert_eq!(dead_letters[0].failure.attempts, 1);
        assert!(queue.redrive(&sent.event).await.unwrap());
    }
    assert_eq!(depth(&queue).await, (1, 0));
}

/// Stripe resends a parked event, which fails again: two dead letters of one event.
#[tokio::test]
async fn all_dead_letters_of_an_event_are_one() {
    let (_resources, queue) = start().await;
    let sent = send(&queue, "evt_1", "cus_1").await;
    queue.park(&receive_one(&queue).await, failure("first")).await.unwrap();
    // In another group, because SQS drops the repeat in the same group for five minutes.
    send(&queue, "evt_1", "cus_of_another_time").await;
    queue.park(&receive_one(&queue).await, failure("second")).await.unwrap();
    assert_eq!(queue.depth().await.unwrap().dead, 2);
    let dead_letters = list_all(&queue).await;
    assert_eq!((dead_letters[0].failure.last_error.as_str(), dead_letters.len()), ("second", 1));
    assert!(queue.redrive(&sent.event).await.unwrap());
    assert_eq!(depth(&queue).await, (1, 0));
}

#[tokio::test]
async fn dead_letters_are_listed_in_the_order_of_parking() {
    let (_resources, queue) = start().await;
    let events: Vec<String> = (0..12).rev().map(|n| format!("evt_{n}")).collect();
    for event in &events {
        send(&queue, event, event).await;
        queue.park(&receive_one(&queue).await, failure("away")).await.unwrap();
    }
    let dead_letters = list_all(&queue).await;
    let found: Vec<&str> = dead_letters.iter().map(|dead| dead.message.event.as_str()).collect();
    assert_eq!(found, events);
    assert_eq!(queue.list(3).await.unwrap().len(), 3);
    assert_eq!(queue.list(0).await.unwrap().len(), 0);
    let found = queue.get(&event_id("evt_7")).await.unwrap();
    assert_eq!(found.unwrap().message.event.as_str(), "evt_7");
    assert_eq!(queue.get(&event_id("evt_unknown")).await.unwrap(), None);
    // A scan hides nothing from the next one.
    assert_eq!(queue.list(100).await.unwrap().len(), events.len());
}

/// Makes SQS move a message to the dead-letter queue after that many receives.
async fn set_max_receive_count(resources: &TestResources, receives: u32) {
    let arn = resources.arn(&resources.dead_letter_queue_url).await;
    let policy = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": receives.to_string() });
    let attributes = json!({ "RedrivePolicy": policy.to_string() });
    let input = json!({ "QueueUrl": resources.queue_url, "Attributes": attributes });
    resources.call("AmazonSQS.SetQueueAttributes", &input).await;
}

/// The messages of one customer hide each other, and those that were never settled have no failure
/// record.
#[tokio::test]
async fn dead_letters_that_sqs_moved_are_all_seen_with_their_failure_records() {
    let (resources, queue) = start().await;
    set_max_receive_count(&resources, 1).await;
    let events: Vec<String> = (10..25).map(|n| format!("evt_{n}")).collect();
    for event in &events {
        send(&queue, event, "cus_1").await;
    }
    for event in &events {
        let delivery = receive_one(&queue).await;
        assert_eq!(delivery.message.event.as_str(), event);
        if event == "evt_10" {
            queue.retry(&delivery, 0, failure("the worker died later")).await.unwrap();
        } else {
            queue.release(&[delivery], 0).await.unwrap();
        }
    }
    // The next receive moves the last message.
    send(&queue, "evt_other", "cus_2").await;
    receive_one(&queue).await;

    assert!(queue.redrive(&event_id("evt_12")).await.unwrap());
    assert!(!queue.redrive(&event_id("evt_12")).await.unwrap());
    for _ in 0..2 {
        let dead_letters = list_all(&queue).await;
        let found: BTreeSet<&str> =
            dead_letters.iter().map(|dead| dead.message.event.as_str()).collect();
        assert_eq!((dead_letters.len(), found.len()), (14, 14), "{found:?}");
        for DeadLetter { message, failure } in &dead_letters {
            let found = (failure.cause, failure.attempts, failure.last_error.as_str());
            if message.event.as_str() == "evt_10" {
                assert_eq!(found, (Code::StoreUnavailable, 1, "the worker died later"));
            } else {
                assert_eq!((found.0, found.1), (Code::DeliveryExhausted, 1), "{failure:?}");
            }
        }
    }
    assert_eq!(queue.depth().await.unwrap().dead, 14);
    let redriven = receive_one(&queue).await;
    assert_eq!((redriven.message.event.as_str(), redriven.attempt), ("evt_12", 1));
}
