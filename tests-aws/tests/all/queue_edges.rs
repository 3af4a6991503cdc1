//! What SQS refuses or does not know, and the queue carries all the same: odd ids, odd bodies,
//! messages that somebody else put there, and a table that is away.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tierlift_aws::queue::{Batch, Queue, message_id};
use tierlift_core::{
    codes::Code,
    failure::Failure,
    limits::{TRACE_BYTES_MAX, WEBHOOK_BODY_BYTES_MAX},
    ports::{DeadLetters as _, Delivery, Depth, Enqueue as _, Message, Queue as _},
    stripe::event::Type,
    time::Timestamp,
};
use tierlift_tests::facts::message;
use tokio::time::timeout;

use super::cloud::Cloud;
use crate::process::now;

/// Longer than a message stays hidden.
const PATIENCE: Duration = Duration::from_secs(20);

async fn send(queue: &Queue, event: &str, customer: &str) -> Message {
    let message = message(event, customer, now());
    queue.enqueue(message.clone()).await.unwrap();
    message
}

pub(super) async fn receive(queue: &Queue, count: usize) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    while deliveries.len() < count {
        let more = timeout(PATIENCE, queue.receive(count - deliveries.len())).await;
        deliveries.extend(more.expect("a message should be ready").unwrap());
    }
    deliveries
}

pub(super) async fn receive_one(queue: &Queue) -> Delivery {
    receive(queue, 1).await.remove(0)
}

fn in_order(mut messages: Vec<Message>) -> Vec<Message> {
    messages.sort_by(|one, other| one.event.cmp(&other.event));
    messages
}

/// Sends all, and wants all back as they were.
async fn carries(messages: Vec<Message>) {
    let cloud = Cloud::start().await;
    let queue = cloud.queue(&cloud.sdk().await);
    for message in &messages {
        queue.enqueue(message.clone()).await.unwrap();
    }
    let mut received = Vec::new();
    for delivery in receive(&queue, messages.len()).await {
        queue.delete(vec![delivery.receipt]).await.unwrap();
        received.push(delivery.message);
    }
    assert_eq!(in_order(received), in_order(messages));
}

/// Those that differ in their last byte alone are two.
#[tokio::test]
async fn ids_of_any_characters_and_length_are_carried() {
    let long = |last: char| format!("{}{last}", "é".repeat(127));
    let ids = ["evt ☂", "\u{ffff}", "sha256:0", "a\u{202e}b", "!", &long('a'), &long('b')];
    let of = |id: &&str| message(id, id, now());
    carries(ids.iter().map(of).collect()).await;
}

#[tokio::test]
async fn bodies_of_any_bytes_arrive_byte_for_byte() {
    let bodies: [&[u8]; 9] = [
        b"",
        b" ",
        b"\0",
        b"\r\n\t",
        b"\xff\xfe not UTF-8 \xc3",
        "\u{ffff}\u{fffe}\u{1f}".as_bytes(),
        "\u{7f}\u{85}\u{d7ff}\u{e000}\u{10ffff}".as_bytes(),
        b"data:;base64,aGVsbG8=",
        b"&lt;\\u0000<![CDATA[",
    ];
    let of = |(place, body): (usize, &&[u8])| Message {
        body: Bytes::copy_from_slice(body),
        ..message(&format!("evt_{place}"), &format!("cus_{place}"), now())
    };
    carries(bodies.iter().enumerate().map(of).collect()).await;
}

/// With ids and a trace that are as long as may be; once as text, and once where all has to travel
/// in another form.
#[tokio::test]
async fn the_largest_webhooks_are_carried() {
    let largest = |byte: u8, id: char| Message {
        trace: Some("0".repeat(TRACE_BYTES_MAX)),
        kind: Type::CheckoutAsyncSucceeded,
        body: Bytes::from(vec![byte; WEBHOOK_BODY_BYTES_MAX]),
        ..message(&id.to_string().repeat(255), &id.to_string().repeat(254), now())
    };
    carries(vec![largest(b'{', 'a'), largest(0, 'b')]).await;
}

/// Somebody else's message, as the queue's console would send it.
async fn put(cloud: &Cloud, group: &str, body: &str) {
    let input = json!({
        "QueueUrl": cloud.queue_url,
        "MessageBody": body,
        "MessageGroupId": group,
        "MessageDeduplicationId": format!("{group} {}", body.len()).replace(' ', "-"),
        "MessageAttributes": { "colour": { "DataType": "String.paint", "StringValue": "red" } },
    });
    cloud.call("AmazonSQS.SendMessage", &input).await;
}

fn webhook() -> String {
    let object = json!({ "id": "sub_1", "customer": "cus_1" });
    let kind = "customer.subscription.updated";
    json!({ "id": "evt_put", "type": kind, "data": { "object": object } }).to_string()
}

/// One dead letter, as it lies there.
async fn letter(cloud: &Cloud) -> Value {
    let input = json!({
        "QueueUrl": cloud.letters_url,
        "MessageAttributeNames": ["All"],
        "WaitTimeSeconds": 10,
        "VisibilityTimeout": 0,
    });
    cloud.call("AmazonSQS.ReceiveMessage", &input).await["Messages"][0].take()
}

#[tokio::test]
async fn a_bare_webhook_in_the_queue_is_a_delivery_and_anything_else_a_dead_letter() {
    let cloud = Cloud::start().await;
    let queue = cloud.queue(&cloud.sdk().await);
    put(&cloud, "cus_1", "{\"id\":1}").await;
    put(&cloud, "cus_1", &webhook()).await;
    let ours = send(&queue, "evt_ours", "cus_1").await;

    let put = receive_one(&queue).await;
    assert_eq!((put.message.event.as_str(), &*put.message.group.0), ("evt_put", "cus_1"));
    assert_eq!((put.message.kind, put.attempt), (Type::SubscriptionUpdated, 1));
    assert_eq!(put.message.body, webhook());
    assert!(now().since(put.message.received_at).as_secs() < 60, "{:?}", put.message);
    queue.delete(vec![put.receipt]).await.unwrap();
    assert_eq!(receive_one(&queue).await.message, ours);

    // It is there as it was, with why.
    let letter = letter(&cloud).await;
    assert_eq!(letter["Body"], "{\"id\":1}");
    let attributes = &letter["MessageAttributes"];
    assert_eq!(attributes["cause"]["StringValue"], Code::PayloadMalformed.as_str());
    assert_eq!(attributes["colour"]["DataType"], "String.paint");
    assert_eq!(attributes["colour"]["StringValue"], "red");
    // No event of ours, so nothing that could be listed or redriven; but counted.
    assert!(queue.list(10).await.unwrap().is_empty());
    let oldest_received_at = None;
    let depth = queue.depth().await.unwrap();
    assert_eq!(depth, Depth { queued: 1, dead: 1, oldest_received_at });
}

/// As Lambda hands over what a receive brought.
async fn handed_over(cloud: &Cloud) -> Vec<Value> {
    let input = json!({
        "QueueUrl": cloud.queue_url,
        "MessageAttributeNames": ["All"],
        "MessageSystemAttributeNames": ["All"],
        "MaxNumberOfMessages": 10,
        "WaitTimeSeconds": 10,
    });
    let received = cloud.call("AmazonSQS.ReceiveMessage", &input).await;
    let attribute = |value: &Value| {
        json!({
            "dataType": value["DataType"],
            "stringValue": value["StringValue"],
            "binaryValue": value["BinaryValue"],
        })
    };
    let record = |message: &Value| {
        let attributes = message["MessageAttributes"].as_object().into_iter().flatten();
        let attributes = attributes.map(|(name, value)| (name.clone(), attribute(value)));
        json!({
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": attributes.collect::<serde_json::Map<_, _>>(),
            "eventSource": "aws:sqs",
        })
    };
    received["Messages"].as_array().unwrap().iter().map(record).collect()
}

async fn batch(queue: &Queue, records: &[Value]) -> Batch {
    let event = json!({ "Records": records });
    queue.deliveries(serde_json::from_value(event).unwrap()).await
}

#[tokio::test]
async fn a_batch_of_lambda_is_read_as_it_was_sent() {
    let cloud = Cloud::start().await;
    let queue = cloud.queue(&cloud.sdk().await);
    let sent = Message {
        trace: Some("00-0-0-00".to_owned()),
        body: Bytes::from_static(b"\0odd"),
        ..message("evt_\u{ffff}", "cus_\u{fffe}", Timestamp::from_micros(1_795_000_000_123_456))
    };
    queue.enqueue(sent.clone()).await.unwrap();
    put(&cloud, "somebody", "something").await;

    let records = handed_over(&cloud).await;
    let Batch { deliveries, stay } = batch(&queue, &records).await;
    assert_eq!(stay, [""; 0]);
    assert_eq!((&deliveries[0].message, deliveries.len()), (&sent, 1));
    let ids: Vec<&str> = records.iter().map(|r| r["messageId"].as_str().unwrap()).collect();
    assert!(ids.contains(&message_id(&deliveries[0].receipt)), "{ids:?}");
    assert_eq!(letter(&cloud).await["Body"], "something");
    queue.delete(vec![deliveries[0].receipt.clone()]).await.unwrap();
    assert_eq!(queue.depth().await.unwrap().queued, 0);
}

/// Lambda deletes what is not given back, so what could not be set aside is.
#[tokio::test]
async fn a_foreign_message_that_cannot_be_set_aside_stays() {
    let cloud = Cloud::start().await;
    let sdk = cloud.sdk().await;
    let no_letters = format!("{}-nowhere", cloud.letters_url);
    let queue = Queue::new(&sdk, &cloud.queue_url, no_letters, &cloud.table);
    put(&cloud, "somebody", "something").await;
    let records = handed_over(&cloud).await;
    let Batch { deliveries, stay } = batch(&queue, &records).await;
    assert_eq!((deliveries, stay.len()), (vec![], 1));
    assert_eq!(stay[0], records[0]["messageId"].as_str().unwrap());
    assert_eq!(queue_of(&cloud).await.depth().await.unwrap().queued, 1);
}

async fn queue_of(cloud: &Cloud) -> Queue {
    cloud.queue(&cloud.sdk().await)
}

/// Deliveries count as attempts then, and everything else goes on.
#[tokio::test]
async fn without_its_table_the_queue_still_works() {
    let cloud = Cloud::start().await;
    let sdk = cloud.sdk().await;
    let queue = Queue::new(&sdk, &cloud.queue_url, &cloud.letters_url, "no-such-table");
    let sent = send(&queue, "evt_1", "cus_1").await;
    let failure = || Failure::new(Code::StoreUnavailable, &"the store is away");
    let delivery = receive_one(&queue).await;
    queue.release(&[delivery], 0).await.unwrap();
    let delivery = receive_one(&queue).await;
    queue.retry(&delivery, 0, failure()).await.unwrap();
    let delivery = receive_one(&queue).await;
    assert_eq!(delivery.attempt, 3);
    queue.park(&delivery, failure()).await.unwrap();
    let letters = queue.list(10).await.unwrap();
    assert_eq!((&letters[0].message, letters.len()), (&sent, 1));
    assert_eq!(letters[0].failure.cause, Code::StoreUnavailable);
}

/// A caller that did not hear the answer asks again.
#[tokio::test]
async fn an_answer_that_is_given_twice_counts_once() {
    let cloud = Cloud::start().await;
    let queue = cloud.queue(&cloud.sdk().await);
    send(&queue, "evt_1", "cus_1").await;
    let out = [receive_one(&queue).await];
    queue.release(&out, 2_000).await.unwrap();
    queue.release(&out, 0).await.unwrap();
    let delivery = receive_one(&queue).await;
    assert_eq!(delivery.attempt, 1);
    let failure = || Failure::new(Code::StoreUnavailable, &"the store is away");
    queue.retry(&delivery, 2_000, failure()).await.unwrap();
    queue.retry(&delivery, 0, failure()).await.unwrap();
    let delivery = receive_one(&queue).await;
    assert_eq!(delivery.attempt, 2);
    queue.park(&delivery, failure()).await.unwrap();
    queue.park(&delivery, failure()).await.unwrap();
    let letters = queue.list(10).await.unwrap();
    assert_eq!((letters[0].failure.attempts, letters.len()), (2, 1));
    assert_eq!(queue.depth().await.unwrap().dead, 1);
}
