//! Dead letters on SQS: those that the worker parks, those that SQS itself moves, and the way back.

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
use tierlift_tests::facts::{event_id, message};

use super::{cloud::Cloud, queue_edges::receive_one};
use crate::process::now;

async fn start() -> (Cloud, Queue) {
    let cloud = Cloud::start().await;
    let queue = cloud.queue(&cloud.sdk().await);
    (cloud, queue)
}

async fn send(queue: &Queue, event: &str, customer: &str) -> Message {
    let message = message(event, customer, Timestamp::from_micros(1_795_000_000_123_456));
    queue.enqueue(message.clone()).await.unwrap();
    message
}

async fn letters(queue: &Queue) -> Vec<DeadLetter> {
    queue.list(100).await.unwrap()
}

fn failure(error: &str) -> Failure {
    Failure::new(Code::StoreUnavailable, &error)
}

/// Everything that can be said of it at once: SQS takes ten attributes and certain characters.
#[tokio::test]
async fn a_letter_says_everything_of_its_message_and_its_failures() {
    let (_cloud, queue) = start().await;
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
    let words = format!("\0\u{7f}{}", "é".repeat(1_000));
    let error = Failure::new(Code::AccountTooLarge, &words);
    queue.park(&receive_one(&queue).await, error.clone()).await.unwrap();
    let letters = letters(&queue).await;
    assert_eq!(letters.len(), 1);
    let DeadLetter { message, failure } = &letters[0];
    assert_eq!(message, &sent);
    let FailureRecord { cause, attempts, first_at, last_at, last_error } = failure;
    assert_eq!((*cause, *attempts, last_error), (error.cause, 3, &error.error));
    assert!(before <= *first_at && *first_at <= failed, "{failure:?}");
    assert!(failed <= *last_at && *last_at <= now(), "{failure:?}");
}

#[tokio::test]
async fn a_redriven_message_that_fails_again_is_a_letter_again_within_minutes() {
    let (_cloud, queue) = start().await;
    let sent = send(&queue, "evt_1", "cus_1").await;
    for round in 1..=3 {
        let delivery = receive_one(&queue).await;
        assert_eq!((&delivery.message, delivery.attempt), (&sent, 1), "round {round}");
        queue.park(&delivery, failure("away")).await.unwrap();
        let letters = letters(&queue).await;
        assert_eq!((&letters[0].message, letters.len()), (&sent, 1), "round {round}");
        assert_eq!(letters[0].failure.attempts, 1);
        assert!(queue.redrive(&sent.event).await.unwrap());
    }
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.queued, depth.dead), (1, 0));
}

/// Stripe sends it again while it is parked, and it fails again: two letters, one event.
#[tokio::test]
async fn all_letters_of_an_event_are_one() {
    let (_cloud, queue) = start().await;
    let sent = send(&queue, "evt_1", "cus_1").await;
    queue.park(&receive_one(&queue).await, failure("first")).await.unwrap();
    // In another group, since SQS drops the repeat in the same one for five minutes.
    send(&queue, "evt_1", "cus_of_another_time").await;
    queue.park(&receive_one(&queue).await, failure("second")).await.unwrap();
    assert_eq!(queue.depth().await.unwrap().dead, 2);
    let letters = letters(&queue).await;
    assert_eq!((letters[0].failure.last_error.as_str(), letters.len()), ("second", 1));
    assert!(queue.redrive(&sent.event).await.unwrap());
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.queued, depth.dead), (1, 0));
}

#[tokio::test]
async fn letters_stand_in_the_order_of_their_parking() {
    let (_cloud, queue) = start().await;
    let events: Vec<String> = (0..12).rev().map(|n| format!("evt_{n}")).collect();
    for event in &events {
        send(&queue, event, event).await;
        queue.park(&receive_one(&queue).await, failure("away")).await.unwrap();
    }
    let letters = letters(&queue).await;
    let found: Vec<&str> = letters.iter().map(|letter| letter.message.event.as_str()).collect();
    assert_eq!(found, events);
    assert_eq!(queue.list(3).await.unwrap().len(), 3);
    assert_eq!(queue.list(0).await.unwrap().len(), 0);
    // A look hides nothing from the next.
    assert_eq!(queue.list(100).await.unwrap().len(), events.len());
}

/// SQS gives a message up when it comes back after that many deliveries.
async fn give_up_after(cloud: &Cloud, receives: u32) {
    let asked = json!({ "QueueUrl": cloud.letters_url, "AttributeNames": ["QueueArn"] });
    let arn = cloud.call("AmazonSQS.GetQueueAttributes", &asked).await;
    let arn = arn["Attributes"]["QueueArn"].clone();
    let policy = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": receives.to_string() });
    let attributes = json!({ "RedrivePolicy": policy.to_string() });
    let input = json!({ "QueueUrl": cloud.queue_url, "Attributes": attributes });
    cloud.call("AmazonSQS.SetQueueAttributes", &input).await;
}

/// One customer's messages hide each other, and of those that nobody answered for nothing is known.
#[tokio::test]
async fn letters_that_sqs_moved_are_all_seen_with_what_is_known_of_them() {
    let (cloud, queue) = start().await;
    give_up_after(&cloud, 1).await;
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
    // The next receive moves the last one.
    send(&queue, "evt_other", "cus_2").await;
    receive_one(&queue).await;

    assert!(queue.redrive(&event_id("evt_12")).await.unwrap());
    assert!(!queue.redrive(&event_id("evt_12")).await.unwrap());
    for _ in 0..2 {
        let letters = letters(&queue).await;
        let found: BTreeSet<&str> = letters.iter().map(|one| one.message.event.as_str()).collect();
        assert_eq!((letters.len(), found.len()), (14, 14), "{found:?}");
        for DeadLetter { message, failure } in &letters {
            let said = (failure.cause, failure.attempts, failure.last_error.as_str());
            if message.event.as_str() == "evt_10" {
                assert_eq!(said, (Code::StoreUnavailable, 1, "the worker died later"));
            } else {
                assert_eq!((said.0, said.1), (Code::DeliveryExhausted, 1), "{failure:?}");
            }
        }
    }
    assert_eq!(queue.depth().await.unwrap().dead, 14);
    let back = receive_one(&queue).await;
    assert_eq!((back.message.event.as_str(), back.attempt), ("evt_12", 1));
}
