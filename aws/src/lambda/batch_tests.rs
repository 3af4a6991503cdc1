use tierlift_core::stripe::event::Type;

use super::*;
use crate::{Sdk, lambda::events};

const QUEUE: &str = include_str!("events/queue.json");

/// A queue behind an address where nobody answers.
fn queue() -> Queue {
    let nobody = "http://127.0.0.1:9";
    Queue::new(&Sdk::for_endpoint(nobody, "key", "secret"), nobody, nobody, "table")
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
        // How often it was put back is written in the table, which does not answer.
        assert_eq!((first.attempt, second.attempt, third.attempt), (1, 3, 1));
        assert_eq!(
            (second.message.kind, &second.message.trace),
            (Type::SubscriptionDeleted, &None)
        );
        // Somebody sent the bare body of a webhook.
        let message = &third.message;
        assert_eq!((message.event.as_str(), &*message.group.0), ("evt_3", "cus_1"));
        assert_eq!(message.received_at.as_millis(), 1_795_000_000_300);
    }
}

#[tokio::test]
async fn what_is_none_of_ours_stays_where_it_cannot_be_set_aside() {
    let event = r#"{ "Records": [
        { "messageId": "a", "receiptHandle": "h", "body": "hello", "attributes": null },
        { "messageId": "b", "receiptHandle": "i", "messageAttributes": null }
    ] }"#;
    let received = queue().deliveries(serde_json::from_str(event).unwrap()).await;
    assert!(received.deliveries.is_empty());
    assert_eq!(received.retained, ["a", "b"]);
}

#[test]
fn what_stays_is_named_in_the_words_of_lambda() {
    for (stay, json) in [
        (vec![], r#"{"batchItemFailures":[]}"#),
        (vec!["a".to_owned()], r#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#),
    ] {
        assert_eq!(serde_json::to_string(&response(stay)).unwrap(), json);
    }
}
