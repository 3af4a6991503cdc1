//! Edge cases of the queue on SQS: ids and bodies that SQS does not accept, messages from other
//! senders, and a table that is unavailable.

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
use tierlift_testkit::{facts::message, harness::now, webhook};
use tokio::time::timeout;

use super::resources::TestResources;

/// Longer than the visibility timeout.
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(20);

async fn send(queue: &Queue, event: &str, customer: &str) -> Message {
    let message = message(event, customer, now());
    queue.enqueue(message.clone()).await.unwrap();
    message
}

pub(super) async fn receive(queue: &Queue, count: usize) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    while deliveries.len() < count {
        let more = timeout(RECEIVE_TIMEOUT, queue.receive(count - deliveries.len())).await;
        deliveries.extend(more.expect("a message should be ready").unwrap());
    }
    deliveries
}

pub(super) async fn receive_one(queue: &Queue) -> Delivery {
    receive(queue, 1).await.remove(0)
}

fn sorted(mut messages: Vec<Message>) -> Vec<Message> {
    messages.sort_by(|one, other| one.event.cmp(&other.event));
    messages
}

/// Sends messages and expects to receive the same ones.
async fn check_carried(messages: Vec<Message>) {
    let resources = TestResources::start().await;
    let queue = resources.queue(&resources.sdk().await);
    for message in &messages {
        queue.enqueue(message.clone()).await.unwrap();
    }
    let mut received = Vec::new();
    for delivery in receive(&queue, messages.len()).await {
        queue.delete(vec![delivery.receipt]).await.unwrap();
        received.push(delivery.message);
    }
    assert_eq!(sorted(received), sorted(messages));
}

/// Ids that differ only in their last byte stay different.
#[tokio::test]
async fn ids_of_any_characters_and_length_are_carried() {
    let long = |last: char| format!("{}{last}", "é".repeat(127));
    let ids = ["evt ☂", "\u{ffff}", "sha256:0", "a\u{202e}b", "!", &long('a'), &long('b')];
    check_carried(ids.iter().map(|id| message(id, id, now())).collect()).await;
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
    let with_body = |(index, body): (usize, &&[u8])| Message {
        body: Bytes::copy_from_slice(body),
        ..message(&format!("evt_{index}"), &format!("cus_{index}"), now())
    };
    check_carried(bodies.iter().enumerate().map(with_body).collect()).await;
}

/// With the longest ids and trace; once as text, and once with a body that SQS takes only encoded.
#[tokio::test]
async fn the_largest_webhooks_are_carried() {
    let largest = |byte: u8, id: char| Message {
        trace: Some("0".repeat(TRACE_BYTES_MAX)),
        kind: Type::CheckoutAsyncSucceeded,
        body: Bytes::from(vec![byte; WEBHOOK_BODY_BYTES_MAX]),
        ..message(&id.to_string().repeat(255), &id.to_string().repeat(254), now())
    };
    check_carried(vec![largest(b'{', 'a'), largest(0, 'b')]).await;
}

/// Sends a message that tierlift did not make, as the SQS console would.
async fn send_raw(resources: &TestResources, group: &str, body: &str) {
    let input = json!({
        "QueueUrl": resources.queue_url,
        "MessageBody": body,
        "MessageGroupId": group,
        "MessageDeduplicationId": format!("{group} {}", body.len()).replace(' ', "-"),
        "MessageAttributes": { "colour": { "DataType": "String.paint", "StringValue": "red" } },
    });
    resources.call("AmazonSQS.SendMessage", &input).await;
}

const AT: Timestamp = Timestamp::from_secs(1_795_000_000);

fn body() -> String {
    let object = json!({ "id": "sub_1", "customer": "cus_1" });
    webhook::event("evt_put", "customer.subscription.updated", AT, &object).to_string()
}

/// One dead letter, as SQS returns it.
async fn raw_dead_letter(resources: &TestResources) -> Value {
    let input = json!({
        "QueueUrl": resources.dead_letter_queue_url,
        "MessageAttributeNames": ["All"],
        "WaitTimeSeconds": 10,
        "VisibilityTimeout": 0,
    });
    resources.call("AmazonSQS.ReceiveMessage", &input).await["Messages"][0].take()
}

#[tokio::test]
async fn a_bare_webhook_in_the_queue_is_a_delivery_and_anything_else_a_dead_letter() {
    let resources = TestResources::start().await;
    let queue = resources.queue(&resources.sdk().await);
    send_raw(&resources, "cus_1", "{\"id\":1}").await;
    send_raw(&resources, "cus_1", &body()).await;
    let ours = send(&queue, "evt_ours", "cus_1").await;

    let raw = receive_one(&queue).await;
    assert_eq!((raw.message.event.as_str(), &*raw.message.group.0), ("evt_put", "cus_1"));
    assert_eq!((raw.message.kind, raw.attempt), (Type::SubscriptionUpdated, 1));
    assert_eq!(raw.message.body, body());
    assert!(now().since(raw.message.received_at).as_secs() < 60, "{:?}", raw.message);
    queue.delete(vec![raw.receipt]).await.unwrap();
    assert_eq!(receive_one(&queue).await.message, ours);

    // It is unchanged, and its cause is added.
    let dead_letter = raw_dead_letter(&resources).await;
    assert_eq!(dead_letter["Body"], "{\"id\":1}");
    let attributes = &dead_letter["MessageAttributes"];
    assert_eq!(attributes["cause"]["StringValue"], Code::PayloadMalformed.as_str());
    assert_eq!(attributes["colour"]["DataType"], "String.paint");
    assert_eq!(attributes["colour"]["StringValue"], "red");
    // It is not an event of tierlift's: it is counted, but neither listed nor redriven.
    assert!(queue.list(10).await.unwrap().is_empty());
    let oldest_received_at = None;
    let depth = queue.depth().await.unwrap();
    assert_eq!(depth, Depth { queued: 1, dead: 1, oldest_received_at });
}

/// What a receive returns, in the form in which Lambda passes it to a function.
async fn lambda_records(resources: &TestResources) -> Vec<Value> {
    let input = json!({
        "QueueUrl": resources.queue_url,
        "MessageAttributeNames": ["All"],
        "MessageSystemAttributeNames": ["All"],
        "MaxNumberOfMessages": 10,
        "WaitTimeSeconds": 10,
    });
    let received = resources.call("AmazonSQS.ReceiveMessage", &input).await;
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
    let resources = TestResources::start().await;
    let queue = resources.queue(&resources.sdk().await);
    let sent = Message {
        trace: Some("00-0-0-00".to_owned()),
        body: Bytes::from_static(b"\0odd"),
        ..message("evt_\u{ffff}", "cus_\u{fffe}", Timestamp::from_micros(1_795_000_000_123_456))
    };
    queue.enqueue(sent.clone()).await.unwrap();
    send_raw(&resources, "somebody", "something").await;

    let records = lambda_records(&resources).await;
    let Batch { deliveries, retained } = batch(&queue, &records).await;
    assert_eq!(retained, [""; 0]);
    assert_eq!((&deliveries[0].message, deliveries.len()), (&sent, 1));
    let ids: Vec<&str> = records.iter().map(|r| r["messageId"].as_str().unwrap()).collect();
    assert!(ids.contains(&message_id(&deliveries[0].receipt)), "{ids:?}");
    assert_eq!(raw_dead_letter(&resources).await["Body"], "something");
    queue.delete(vec![deliveries[0].receipt.clone()]).await.unwrap();
    assert_eq!(queue.depth().await.unwrap().queued, 0);
}

/// Lambda deletes every message that is not reported as failed, so one that could not be parked is
/// reported.
#[tokio::test]
async fn an_unrecognized_message_that_cannot_be_parked_is_retained() {
    let resources = TestResources::start().await;
    let sdk = resources.sdk().await;
    let no_such_queue = format!("{}-nowhere", resources.dead_letter_queue_url);
    let queue = Queue::new(&sdk, &resources.queue_url, no_such_queue, &resources.table.name);
    send_raw(&resources, "somebody", "something").await;
    let records = lambda_records(&resources).await;
    let Batch { deliveries, retained } = batch(&queue, &records).await;
    assert_eq!((deliveries, retained.len()), (vec![], 1));
    assert_eq!(retained[0], records[0]["messageId"].as_str().unwrap());
    let queue = resources.queue(&sdk);
    assert_eq!(queue.depth().await.unwrap().queued, 1);
}

/// No attempt counts then, so nothing is parked for an outage of the table; everything else works.
#[tokio::test]
async fn without_its_table_the_queue_still_works() {
    let resources = TestResources::start().await;
    let sdk = resources.sdk().await;
    let queue =
        Queue::new(&sdk, &resources.queue_url, &resources.dead_letter_queue_url, "no-such-table");
    let sent = send(&queue, "evt_1", "cus_1").await;
    let failure = || Failure::new(Code::StoreUnavailable, &"the store is unavailable");
    let delivery = receive_one(&queue).await;
    queue.release(&[delivery], 0).await.unwrap();
    let delivery = receive_one(&queue).await;
    queue.retry(&delivery, 0, failure()).await.unwrap();
    let delivery = receive_one(&queue).await;
    assert_eq!((delivery.attempt, delivery.deliveries), (1, 3));
    queue.park(&delivery, failure()).await.unwrap();
    let dead_letters = queue.list(10).await.unwrap();
    assert_eq!((&dead_letters[0].message, dead_letters.len()), (&sent, 1));
    assert_eq!(dead_letters[0].failure.cause, Code::StoreUnavailable);
}

/// A caller whose response was lost repeats the call.
#[tokio::test]
async fn a_delivery_that_is_settled_twice_counts_once() {
    let resources = TestResources::start().await;
    let queue = resources.queue(&resources.sdk().await);
    send(&queue, "evt_1", "cus_1").await;
    let deliveries = [receive_one(&queue).await];
    queue.release(&deliveries, 2_000).await.unwrap();
    queue.release(&deliveries, 0).await.unwrap();
    let delivery = receive_one(&queue).await;
    assert_eq!(delivery.attempt, 1);
    let failure = || Failure::new(Code::StoreUnavailable, &"the store is unavailable");
    queue.retry(&delivery, 2_000, failure()).await.unwrap();
    queue.retry(&delivery, 0, failure()).await.unwrap();
    let delivery = receive_one(&queue).await;
    assert_eq!(delivery.attempt, 2);
    queue.park(&delivery, failure()).await.unwrap();
    queue.park(&delivery, failure()).await.unwrap();
    let dead_letters = queue.list(10).await.unwrap();
    assert_eq!((dead_letters[0].failure.attempts, dead_letters.len()), (2, 1));
    assert_eq!(queue.depth().await.unwrap().dead, 1);
}
