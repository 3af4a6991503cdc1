//! What a queue promises.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use tierlift_core::{
    codes::Code,
    failure::Failure,
    limits::WEBHOOK_BODY_BYTES_MAX,
    ports::{DeadLetters, Delivery, Enqueue, Enqueued, Message, Queue},
    stripe::event::Type,
    time::Timestamp,
};

use super::QueueBackend;
use tierlift_testkit::facts::{event_id, message};

/// Makes a test of each promise of a queue.
#[macro_export]
macro_rules! queue_promises {
    ($backend:ty) => {
        $crate::contract_tests!(@each $backend, queue:
            delivers_what_was_sent,
            keeps_one_message_for_each_event,
            keeps_the_order_within_a_group,
            lets_other_groups_overtake,
            brings_a_failed_message_back_after_its_delay,
            takes_back_what_nobody_tried,
            holds_a_group_back_while_its_head_waits,
            parks_with_the_cause_and_lets_the_group_go_on,
            gets_a_dead_letter_by_its_event,
            tells_dead_letters_from_other_events,
            redrives_a_dead_letter,
            brings_an_unanswered_message_back,
            waits_for_the_first_message,
            takes_an_answer_twice,
            carries_large_bodies_untouched,
            counts_what_it_holds,
        );
    };
}

/// Longer than any backend needs to hand out what is ready; nothing is waited for that long unless
/// a promise is broken.
const PATIENCE: Duration = Duration::from_secs(20);

fn failure() -> Failure {
    Failure::new(Code::StoreUnavailable, &"the store is unavailable")
}

async fn send<B: QueueBackend>(backend: &B, event: &str, customer: &str) -> Message {
    let message = message(event, customer, Timestamp::from_millis(backend.now().as_millis()));
    assert_eq!(backend.queue().enqueue(message.clone()).await.unwrap(), Enqueued::Queued);
    message
}

/// Receives until there are `count`.
async fn receive<B: QueueBackend>(backend: &B, count: usize) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    while deliveries.len() < count {
        let more =
            tokio::time::timeout(PATIENCE, backend.queue().receive(count - deliveries.len()));
        deliveries.extend(more.await.expect("a message should be ready").unwrap());
    }
    deliveries
}

async fn receive_one<B: QueueBackend>(backend: &B) -> Delivery {
    receive(backend, 1).await.remove(0)
}

async fn delete<B: QueueBackend>(backend: &B, delivery: Delivery) {
    backend.queue().delete(vec![delivery.receipt]).await.unwrap();
}

/// Waits for these numbers of messages and dead letters: at once, or soon where a backend counts approximately.
async fn holds<B: QueueBackend>(backend: &B, queued: u64, dead: u64) {
    let mut patience = tokio::time::interval(PATIENCE / 100);
    for _ in 0..100 {
        let depth = backend.queue().depth().await.unwrap();
        if (depth.queued, depth.dead) == (queued, dead) {
            return;
        }
        patience.tick().await;
    }
    panic!("{:?} instead of {queued} queued and {dead} dead", backend.queue().depth().await);
}

fn events(deliveries: &[Delivery]) -> BTreeSet<&str> {
    deliveries.iter().map(|delivery| delivery.message.event.as_str()).collect()
}

/// Every field comes out as it went in.
pub async fn delivers_what_was_sent<B: QueueBackend>(backend: &B) {
    let sent = Message {
        kind: Type::CheckoutCompleted,
        trace: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        body: Bytes::from_static("{\"id\": \"evt_1\",\n\t\"text\":\"\\u00e9é☂\" }".as_bytes()),
        ..message("evt_1", "cus_1", Timestamp::from_millis(backend.now().as_millis()))
    };
    backend.queue().enqueue(sent.clone()).await.unwrap();
    let delivery = receive_one(backend).await;
    assert_eq!(delivery.message, sent);
    assert_eq!(delivery.attempt, 1);
}

/// Sending an event again while it is queued changes nothing.
pub async fn keeps_one_message_for_each_event<B: QueueBackend>(backend: &B) {
    let first = send(backend, "evt_1", "cus_1").await;
    for _ in 0..3 {
        backend.queue().enqueue(first.clone()).await.unwrap();
    }
    send(backend, "evt_2", "cus_1").await;
    let delivery = receive_one(backend).await;
    assert_eq!(delivery.message.event, first.event);
    delete(backend, delivery).await;
    let delivery = receive_one(backend).await;
    assert_eq!(delivery.message.event.as_str(), "evt_2");
    delete(backend, delivery).await;
    holds(backend, 0, 0).await;
}

/// One after another, in the order of sending.
pub async fn keeps_the_order_within_a_group<B: QueueBackend>(backend: &B) {
    let names: Vec<String> = (0..12).map(|n| format!("evt_{n}")).collect();
    for name in &names {
        send(backend, name, "cus_1").await;
    }
    for name in &names {
        let delivery = receive_one(backend).await;
        assert_eq!(delivery.message.event.as_str(), name);
        delete(backend, delivery).await;
    }
}

/// A group whose message is out holds nobody else up.
pub async fn lets_other_groups_overtake<B: QueueBackend>(backend: &B) {
    send(backend, "evt_a1", "cus_a").await;
    send(backend, "evt_a2", "cus_a").await;
    send(backend, "evt_b1", "cus_b").await;
    send(backend, "evt_c1", "cus_c").await;
    let out = receive(backend, 3).await;
    assert_eq!(events(&out), BTreeSet::from(["evt_a1", "evt_b1", "evt_c1"]));
}

/// Not before its delay, then with its attempts counted.
pub async fn brings_a_failed_message_back_after_its_delay<B: QueueBackend>(backend: &B) {
    send(backend, "evt_1", "cus_1").await;
    for attempt in 1..=3 {
        let delivery = receive_one(backend).await;
        assert_eq!(delivery.attempt, attempt);
        backend.queue().retry(&delivery, 2_000, failure()).await.unwrap();
        backend.pass(Duration::from_millis(2_100)).await;
    }
}

/// It is redelivered, after its delay, as if it had not been delivered.
pub async fn takes_back_what_nobody_tried<B: QueueBackend>(backend: &B) {
    send(backend, "evt_1", "cus_1").await;
    for deliveries in 1..=3 {
        let delivery = receive_one(backend).await;
        assert_eq!((delivery.attempt, delivery.deliveries), (1, deliveries));
        backend.queue().release(&[delivery], 1_000).await.unwrap();
        backend.pass(Duration::from_millis(1_100)).await;
    }
    let delivery = receive_one(backend).await;
    backend.queue().retry(&delivery, 1_000, failure()).await.unwrap();
    backend.pass(Duration::from_millis(1_100)).await;
    assert_eq!(receive_one(backend).await.attempt, 2);
}

/// The rest of the group waits behind its failed head, other groups do not.
pub async fn holds_a_group_back_while_its_head_waits<B: QueueBackend>(backend: &B) {
    send(backend, "evt_a1", "cus_a").await;
    send(backend, "evt_a2", "cus_a").await;
    let head = receive_one(backend).await;
    backend.queue().retry(&head, 3_000, failure()).await.unwrap();
    send(backend, "evt_b1", "cus_b").await;
    let other = receive_one(backend).await;
    assert_eq!(other.message.event.as_str(), "evt_b1");
    delete(backend, other).await;
    backend.pass(Duration::from_millis(3_100)).await;
    let head = receive_one(backend).await;
    assert_eq!((head.message.event.as_str(), head.attempt), ("evt_a1", 2));
    delete(backend, head).await;
    assert_eq!(receive_one(backend).await.message.event.as_str(), "evt_a2");
}

/// The dead letter has its cause, and the customer's next event is not blocked.
pub async fn parks_with_the_cause_and_lets_the_group_go_on<B: QueueBackend>(backend: &B) {
    let sent = send(backend, "evt_1", "cus_1").await;
    send(backend, "evt_2", "cus_1").await;
    let delivery = receive_one(backend).await;
    let error = Failure::new(Code::PlanUnmapped, &"no role for price price_x in [plans]");
    backend.queue().park(&delivery, error).await.unwrap();
    assert_eq!(receive_one(backend).await.message.event.as_str(), "evt_2");
    let letters = backend.queue().list(10).await.unwrap();
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    assert_eq!(letter.message, sent);
    assert_eq!(letter.failure.cause, Code::PlanUnmapped);
    assert_eq!(letter.failure.attempts, 1);
    assert_eq!(letter.failure.last_error, "no role for price price_x in [plans]");
}

/// A dead letter is found by its event, as it is listed, until it is redriven.
pub async fn gets_a_dead_letter_by_its_event<B: QueueBackend>(backend: &B) {
    send(backend, "evt_1", "cus_1").await;
    send(backend, "evt_2", "cus_2").await;
    for delivery in receive(backend, 2).await {
        backend.queue().park(&delivery, failure()).await.unwrap();
    }
    assert_eq!(backend.queue().get(&event_id("evt_unknown")).await.unwrap(), None);
    let listed = backend.queue().list(10).await.unwrap();
    assert_eq!(listed.len(), 2);
    for dead_letter in listed {
        let got = backend.queue().get(&dead_letter.message.event).await.unwrap();
        assert_eq!(got, Some(dead_letter));
    }
    assert!(backend.queue().redrive(&event_id("evt_1")).await.unwrap());
    assert_eq!(backend.queue().get(&event_id("evt_1")).await.unwrap(), None);
    assert!(backend.queue().get(&event_id("evt_2")).await.unwrap().is_some());
}

/// Of any events it is known which are dead letters, and which are queued, done or unknown.
pub async fn tells_dead_letters_from_other_events<B: QueueBackend>(backend: &B) {
    let asked = || ["evt_1", "evt_2", "evt_3", "evt_unknown"].map(event_id).into();
    assert_eq!(backend.queue().dead_among(asked()).await.unwrap(), BTreeSet::new());
    for number in 1..=4 {
        send(backend, &format!("evt_{number}"), &format!("cus_{number}")).await;
    }
    for delivery in receive(backend, 4).await {
        match delivery.message.event.as_str() {
            "evt_2" => delete(backend, delivery).await,
            _ => backend.queue().park(&delivery, failure()).await.unwrap(),
        }
    }
    // The fourth is a dead letter and is not asked about.
    let dead = backend.queue().dead_among(asked()).await.unwrap();
    assert_eq!(dead, ["evt_1", "evt_3"].map(event_id).into());
    assert!(backend.queue().redrive(&event_id("evt_1")).await.unwrap());
    let dead = backend.queue().dead_among(asked()).await.unwrap();
    assert_eq!(dead, ["evt_3"].map(event_id).into());
    assert_eq!(backend.queue().dead_among(BTreeSet::new()).await.unwrap(), BTreeSet::new());
}

/// A redriven dead letter is delivered as new, once, and is a dead letter no longer.
pub async fn redrives_a_dead_letter<B: QueueBackend>(backend: &B) {
    let sent = send(backend, "evt_1", "cus_1").await;
    let delivery = receive_one(backend).await;
    backend.queue().park(&delivery, failure()).await.unwrap();
    assert!(!backend.queue().redrive(&event_id("evt_unknown")).await.unwrap());
    assert!(backend.queue().redrive(&sent.event).await.unwrap());
    assert!(!backend.queue().redrive(&sent.event).await.unwrap());
    assert!(backend.queue().list(10).await.unwrap().is_empty());
    let again = receive_one(backend).await;
    assert_eq!((again.message, again.attempt), (sent, 1));
}

/// A receiver that dies loses nothing, made no attempt, and its late answer does not count.
pub async fn brings_an_unanswered_message_back<B: QueueBackend>(backend: &B) {
    send(backend, "evt_1", "cus_1").await;
    let lost = receive_one(backend).await;
    backend.pass(backend.visibility_timeout() + Duration::from_secs(1)).await;
    let again = receive_one(backend).await;
    let counts = (again.attempt, again.deliveries);
    assert_eq!((again.message.event.as_str(), counts), ("evt_1", (1, 2)));
    delete(backend, lost).await;
    delete(backend, again).await;
    holds(backend, 0, 0).await;
}

/// A receiver that comes first is served by the send that comes after.
pub async fn waits_for_the_first_message<B: QueueBackend>(backend: &B) {
    let received = receive_one(backend);
    let (delivery, ()) = tokio::join!(received, async {
        tokio::task::yield_now().await;
        send(backend, "evt_1", "cus_1").await;
    });
    assert_eq!(delivery.message.event.as_str(), "evt_1");
}

/// The second answer does nothing to the message that is out by then.
pub async fn takes_an_answer_twice<B: QueueBackend>(backend: &B) {
    send(backend, "evt_1", "cus_1").await;
    send(backend, "evt_2", "cus_1").await;
    let first = receive_one(backend).await;
    delete(backend, first.clone()).await;
    let second = receive_one(backend).await;
    delete(backend, first).await;
    delete(backend, second.clone()).await;
    delete(backend, second).await;
    holds(backend, 0, 0).await;
    assert!(backend.queue().list(10).await.unwrap().is_empty());
}

/// Up to the largest body that a webhook may have, less what a queue needs for its attributes.
pub async fn carries_large_bodies_untouched<B: QueueBackend>(backend: &B) {
    let text = "{\"a\":\"é\"}\n".repeat((WEBHOOK_BODY_BYTES_MAX - 1_024) / 11);
    let sent = Message {
        body: Bytes::from(text),
        ..message("evt_1", "cus_1", Timestamp::from_millis(backend.now().as_millis()))
    };
    backend.queue().enqueue(sent.clone()).await.unwrap();
    assert_eq!(receive_one(backend).await.message.body, sent.body);
}

/// Queued ones until they are deleted, dead ones until they are redriven.
pub async fn counts_what_it_holds<B: QueueBackend>(backend: &B) {
    holds(backend, 0, 0).await;
    send(backend, "evt_a", "cus_a").await;
    send(backend, "evt_b", "cus_b").await;
    holds(backend, 2, 0).await;
    for delivery in receive(backend, 2).await {
        if delivery.message.event.as_str() == "evt_a" {
            backend.queue().park(&delivery, failure()).await.unwrap();
        } else {
            delete(backend, delivery).await;
        }
    }
    holds(backend, 0, 1).await;
}
