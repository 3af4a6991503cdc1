use std::cell::RefCell;

use serde_json::{Value, json};

use super::*;
use crate::lambda::events;

const STREAM: &str = include_str!("events/stream.json");

/// Hands over an event; `answers` is what became of its changes. Gives the response, and the
/// revocation ids that were told.
async fn hand_over(event: &str, answers: &[bool]) -> (Value, Vec<u64>) {
    let seen = RefCell::new(Vec::new());
    let batch: Batch = serde_json::from_str(event).unwrap();
    let tell = async |news: Vec<News>| {
        seen.borrow_mut().extend(news.iter().map(|(change, _)| change.revocation_id.0));
        answers.to_vec()
    };
    let response = told(batch, &tell).await;
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
fn a_record_tells_its_change() {
    for event in events::read(STREAM) {
        let batch: Batch = serde_json::from_str(&event).unwrap();
        let news: Vec<_> = batch.records.iter().map(|record| record.dynamodb.news()).collect();
        let [Some((up, Some(origin))), Some((down, None))] = &*news else { panic!("{news:?}") };
        assert_eq!(
            (up.user.as_str(), up.role.as_str(), up.event.as_str()),
            ("ada", "paid", "evt_1")
        );
        assert_eq!(origin.received_at.as_secs(), 1_794_999_999);
        assert_eq!((down.role.as_str(), down.revocation_id.0), ("free", 2));
    }
}

#[tokio::test]
async fn what_is_not_told_comes_again() {
    for (answers, again) in [
        (&[true, true][..], &[][..]),
        (&[true, false], &["400000000000000499661"]),
        (&[false, false], &["400000000000000499660", "400000000000000499661"]),
        // Nothing said of a change is no good news.
        (&[true], &["400000000000000499661"]),
    ] {
        let (response, seen) = hand_over(STREAM, answers).await;
        assert_eq!((response, seen), (failures(again), vec![1, 2]));
    }
}

#[tokio::test]
async fn what_cannot_be_read_comes_again_and_the_rest_is_told() {
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
        assert_eq!((response, seen), (failures(&["400000000000000499660"]), vec![2]));
    }
}

#[tokio::test]
async fn a_record_may_say_little() {
    let mut event = stream();
    let change = event["Records"][1]["dynamodb"]["NewImage"]["change"].clone();
    let row = json!({ "SequenceNumber": "7", "NewImage": { "change": change } });
    event["Records"] = json!([{ "dynamodb": row }]);
    assert_eq!(hand_over(&event.to_string(), &[false]).await, (failures(&["7"]), vec![2]));
    // Lambda takes this for a failure of the whole batch, which is right.
    event["Records"][0]["dynamodb"]["SequenceNumber"] = Value::Null;
    assert_eq!(hand_over(&event.to_string(), &[false]).await.0, failures(&[""]));
}
