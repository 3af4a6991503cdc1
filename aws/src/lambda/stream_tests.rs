use std::cell::RefCell;

use serde_json::{Value, json};

use super::*;
use crate::lambda::events;

const STREAM: &str = include_str!("events/stream.json");

/// Hands over a payload; `results` says which of its changes are pushed. Returns the response, and the
/// revocation ids of the changes.
async fn hand_over(event: &str, results: &[bool]) -> (Value, Vec<u64>) {
    let seen = RefCell::new(Vec::new());
    let batch: Batch = serde_json::from_str(event).unwrap();
    let push = async |records: Vec<ChangeRecord>| {
        seen.borrow_mut().extend(records.iter().map(|record| record.change.revocation_id.0));
        results.to_vec()
    };
    let response = push_batch(batch, Duration::from_mins(1), &push).await;
    (serde_json::to_value(response).unwrap(), seen.into_inner())
}

fn failures(numbers: &[&str]) -> Value {
    let items: Vec<_> = numbers.iter().map(|number| json!({ "itemIdentifier": number })).collect();
    json!({ "batchItemFailures": items })
}

fn stream() -> Value {
    serde_json::from_str(STREAM).unwrap()
}

#[test]
fn a_record_holds_its_change() {
    for event in events::read(STREAM) {
        let batch: Batch = serde_json::from_str(&event).unwrap();
        let changes: Vec<_> =
            batch.records.iter().map(|record| record.dynamodb.change().unwrap()).collect();
        let [ChangeRecord { change: up, context }, ChangeRecord { change: down, context: None }] =
            &*changes
        else {
            panic!("{changes:?}")
        };
        assert_eq!(
            (up.user.as_str(), up.role.as_str(), up.event.as_str()),
            ("ada", "paid", "evt_1")
        );
        assert_eq!(context.as_ref().unwrap().received_at.as_secs(), 1_794_999_999);
        assert_eq!((down.role.as_str(), down.revocation_id.0), ("free", 2));
    }
}

#[tokio::test(start_paused = true)]
async fn an_invocation_ends_in_time_and_its_changes_are_redelivered() {
    let batch: Batch = serde_json::from_value(stream()).unwrap();
    let never = async |_: Vec<ChangeRecord>| std::future::pending().await;
    let response = push_batch(batch, Duration::from_secs(26), &never).await;
    let numbers = ["400000000000000499660", "400000000000000499661"];
    assert_eq!(serde_json::to_value(response).unwrap(), failures(&numbers));
}

#[tokio::test]
async fn a_change_that_was_not_pushed_is_redelivered() {
    for (results, failed) in [
        (&[true, true][..], &[][..]),
        (&[true, false], &["400000000000000499661"]),
        (&[false, false], &["400000000000000499660", "400000000000000499661"]),
        // A change without a result counts as failed.
        (&[true], &["400000000000000499661"]),
    ] {
        let (response, seen) = hand_over(STREAM, results).await;
        assert_eq!((response, seen), (failures(failed), vec![1, 2]));
    }
}

#[tokio::test]
async fn an_unreadable_record_holds_up_nothing() {
    for odd in [
        Value::Null,
        json!({}),
        json!({ "change": null }),
        json!({ "change": { "N": "1" } }),
        json!({ "change": { "S": "no JSON" } }),
        json!({ "change": { "S": "{\"change\":{}}" } }),
    ] {
        let mut event = stream();
        event["Records"][0]["dynamodb"]["NewImage"] = odd;
        let (response, seen) = hand_over(&event.to_string(), &[true]).await;
        assert_eq!((response, seen), (failures(&[]), vec![2]));
    }
}

#[tokio::test]
async fn a_record_may_lack_the_other_fields() {
    let mut event = stream();
    let change = event["Records"][1]["dynamodb"]["NewImage"]["change"].clone();
    let row = json!({ "SequenceNumber": "7", "NewImage": { "change": change } });
    event["Records"] = json!([{ "dynamodb": row }]);
    assert_eq!(hand_over(&event.to_string(), &[false]).await, (failures(&["7"]), vec![2]));
    // Lambda reads this as a failure of the whole batch, as it should.
    event["Records"][0]["dynamodb"]["SequenceNumber"] = Value::Null;
    assert_eq!(hand_over(&event.to_string(), &[false]).await.0, failures(&[""]));
}
