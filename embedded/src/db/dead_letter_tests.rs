//! Tests of the dead letters beyond the contract: their order, a full queue, and what a row keeps.

use tierlift_core::{
    codes::Code,
    failure::Failure,
    limits::QUEUE_DEPTH_MAX,
    ports::{DeadLetters, Enqueue, Enqueued, Group, Message, Queue, QueueError},
    stripe::event::Type,
    time::Timestamp,
};

use super::{
    Db,
    index::Entry,
    tests::{NOW, folder, message, open},
};

/// Enqueues a message, receives it and parks it.
async fn park(db: &Db, message: Message) {
    db.enqueue(message).await.unwrap();
    let delivery = db.receive(1).await.unwrap().remove(0);
    db.park(&delivery, Failure::new(Code::PlanUnmapped, &"no role")).await.unwrap();
}

#[tokio::test]
async fn the_oldest_are_listed_first_and_no_more_than_asked_for() {
    let (_folder, path) = folder();
    let db = open(&path).unwrap();
    for event in ["evt_2", "evt_1", "evt_3"] {
        park(&db, message(event)).await;
    }
    for (max, expected) in
        [(0, &[][..]), (2, &["evt_2", "evt_1"]), (usize::MAX, &["evt_2", "evt_1", "evt_3"])]
    {
        let listed = db.list(max).await.unwrap();
        let events: Vec<_> = listed.iter().map(|one| one.message.event.as_str()).collect();
        assert_eq!(events, expected, "{max}");
    }
}

#[tokio::test]
async fn the_depth_names_the_arrival_of_the_oldest() {
    let (_folder, path) = folder();
    let db = open(&path).unwrap();
    assert_eq!(db.depth().await.unwrap().oldest_received_at, None);
    db.enqueue(message("evt_1")).await.unwrap();
    let later = Message { received_at: NOW.plus_secs(9), ..message("evt_2") };
    db.enqueue(later).await.unwrap();
    assert_eq!(db.depth().await.unwrap().oldest_received_at, Some(NOW));
}

#[tokio::test]
async fn a_resend_in_the_queue_counts_as_the_redriven_one() {
    let (_folder, path) = folder();
    let db = open(&path).unwrap();
    park(&db, message("evt_1")).await;
    assert_eq!(db.enqueue(message("evt_1")).await.unwrap(), Enqueued::Queued);
    assert!(db.redrive(&message("evt_1").event).await.unwrap());
    let depth = db.depth().await.unwrap();
    assert_eq!((depth.queued, depth.dead), (1, 0));
}

#[tokio::test]
async fn a_full_queue_takes_nothing_and_the_dead_letter_stays() {
    let (_folder, path) = folder();
    let db = open(&path).unwrap();
    park(&db, message("evt_1")).await;
    db.write(|tables| {
        for seq in 0..i64::try_from(QUEUE_DEPTH_MAX).unwrap() {
            let entry = Entry { seq, ..Entry::default() };
            tables.index.push(Group("cus_full".into()), entry);
        }
        Ok(())
    })
    .await
    .unwrap();
    let refused = db.enqueue(message("evt_2")).await;
    assert!(matches!(refused, Err(QueueError::Full)), "{refused:?}");
    let evt_1 = message("evt_1").event;
    let refused = db.redrive(&evt_1).await;
    assert!(matches!(refused, Err(QueueError::Full)), "{refused:?}");
    assert!(db.get(&evt_1).await.unwrap().is_some());
}

#[tokio::test]
async fn a_message_is_the_same_when_it_is_read_from_its_row() {
    let (_folder, path) = folder();
    let sent = Message {
        group: Group("cus_9".into()),
        kind: Type::CheckoutCompleted,
        received_at: Timestamp::from_micros(1_795_000_000_123_456),
        trace: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        body: "{\"text\":\"é☂\"}".into(),
        ..message("evt_1")
    };
    let db = open(&path).unwrap();
    db.enqueue(sent.clone()).await.unwrap();
    drop(db);
    let db = open(&path).unwrap();
    let delivery = db.receive(1).await.unwrap().remove(0);
    assert_eq!(delivery.message, sent);
    db.park(&delivery, Failure::new(Code::PlanUnmapped, &"no role")).await.unwrap();
    assert_eq!(db.get(&sent.event).await.unwrap().unwrap().message, sent);
    assert!(db.redrive(&sent.event).await.unwrap());
    assert_eq!(db.receive(1).await.unwrap()[0].message, sent);
}
