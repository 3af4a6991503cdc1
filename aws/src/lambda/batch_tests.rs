use tierlift_core::stripe::event::Type;

use super::*;
use crate::{Sdk, lambda::events};

const QUEUE: &str = include_str!("events/queue.json");

/// A queue at an address where nothing listens.
fn queue() -> Queue {
    let unreachable = "http://127.0.0.1:9";
    Queue::new(&Sdk::for_endpoint(unreachable, "key", "secret"), unreachable, unreachable, "table")
}

#[tokio::test]
async fn a_batch_is_read_as_it_was_sent() {
    for event in events::read(QUEUE) {
        let event: SqsEvent = serde_json::from_str(&event).unwrap();
        let received = queue().deliveries(event).await;
        assert_eq!(received.retained, Vec::<String>::new());
        let [first, second, third] = &*received.deliveries else { panic!("{received:?}") };
        assert_eq!(message_id(&first.receipt), "11111111-1111-4111-8111-111111111111");
        assert!(first.receipt.0.ends_with("AQEBfirst+/="));
        let message = &first.message;
        assert_eq!((message.event.as_str(), &*message.group.0), ("evt_1", "cus_1"));
        assert_eq!(message.kind, Type::SubscriptionUpdated);
        assert_eq!(message.received_at.as_micros(), 1_795_000_000_100_000);
        assert!(message.trace.as_ref().unwrap().starts_with("00-4bf9"));
        assert!(message.body.starts_with(br#"{"id":"evt_1","#));
        // Failures are counted in the table, which cannot be reached, and deliveries by SQS.
        assert_eq!((first.attempt, second.attempt, third.attempt), (1, 1, 1));
        assert_eq!((first.deliveries, second.deliveries, third.deliveries), (1, 3, 1));
        assert_eq!(
            (second.message.kind, &second.message.trace),
            (Type::SubscriptionDeleted, &None)
        );
        // The bare body of a webhook, as sent by hand.
        let message = &third.message;
        assert_eq!((message.event.as_str(), &*message.group.0), ("evt_3", "cus_1"));
        assert_eq!(message.received_at.as_millis(), 1_795_000_000_300);
    }
}

#[tokio::test]
async fn an_unrecognized_message_stays_in_the_queue_while_it_cannot_be_parked() {
    let event = r#"{ "Records": [
        { "messageId": "a", "receiptHandle": "h", "body": "hello", "attributes": null },
        { "messageId": "b", "receiptHandle": "i", "messageAttributes": null }
    ] }"#;
    let received = queue().deliveries(serde_json::from_str(event).unwrap()).await;
    assert!(received.deliveries.is_empty());
    assert_eq!(received.retained, ["a", "b"]);
}

#[test]
fn retained_messages_are_named_in_lambdas_format() {
    for (retained, json) in [
        (vec![], r#"{"batchItemFailures":[]}"#),
        (vec!["a".to_owned()], r#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#),
    ] {
        assert_eq!(serde_json::to_string(&response(retained)).unwrap(), json);
    }
}
