//! Tests of messages that are done with: their rows leave the file along with something else, or soon.

use std::time::Duration;

use tierlift_core::ports::{DeadLetters as _, Delivery, Enqueue as _, Enqueued, Queue as _};
use tokio::{task::yield_now, time::timeout};

use super::{
    Db,
    tests::{folder, message, open},
};

async fn receive(db: &Db) -> Delivery {
    db.receive(1).await.unwrap().remove(0)
}

async fn queued(db: &Db) -> u64 {
    db.depth().await.unwrap().queued
}

/// A file with two messages of one customer, of which the first was delivered and is done with.
async fn with_one_done(path: &std::path::Path) -> Db {
    let db = open(path).unwrap();
    for id in ["evt_1", "evt_2"] {
        assert_eq!(db.enqueue(message(id)).await.unwrap(), Enqueued::Queued);
    }
    let done = receive(&db).await;
    assert_eq!(done.message, message("evt_1"));
    db.delete_later(vec![done.receipt]);
    db
}

#[tokio::test]
async fn what_is_done_with_leaves_in_the_transaction_of_the_next_job() {
    let (_folder, path) = folder();
    let db = with_one_done(&path).await;
    // The next one of the customer waits for no transaction.
    assert_eq!(receive(&db).await.message, message("evt_2"));
    assert_eq!(db.enqueue(message("evt_3")).await.unwrap(), Enqueued::Queued);
    assert_eq!(queued(&db).await, 2);
}

#[tokio::test]
async fn what_is_done_with_leaves_by_itself_when_nothing_comes() {
    let (_folder, path) = folder();
    let db = with_one_done(&path).await;
    let gone = async {
        while queued(&db).await > 1 {
            yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), gone).await.unwrap();
}

#[tokio::test]
async fn what_is_done_with_does_not_come_again_at_the_next_start() {
    let (_folder, path) = folder();
    drop(with_one_done(&path).await);
    let db = open(&path).unwrap();
    assert_eq!(queued(&db).await, 1);
    assert_eq!(receive(&db).await.message, message("evt_2"));
}

#[tokio::test]
async fn a_row_that_cannot_be_deleted_holds_up_nobody() {
    let (_folder, path) = folder();
    let db = open(&path).unwrap();
    let stay = "CREATE TEMP TRIGGER stay BEFORE DELETE ON queue WHEN old.event = 'evt_1'
                BEGIN SELECT raise(FAIL, 'a damaged page'); END";
    db.submit(move |tables| Ok(tables.connection.execute_batch(stay)?)).await.unwrap().unwrap();
    assert_eq!(db.enqueue(message("evt_1")).await.unwrap(), Enqueued::Queued);
    let done = receive(&db).await;
    db.delete_later(vec![done.receipt]);
    for id in ["evt_2", "evt_3"] {
        assert_eq!(db.enqueue(message(id)).await.unwrap(), Enqueued::Queued);
        let next = receive(&db).await;
        assert_eq!(next.message, message(id));
        db.delete_later(vec![next.receipt]);
    }
    db.flush().await.unwrap();
    assert_eq!(queued(&db).await, 1);
    drop(db);
    assert_eq!(receive(&open(&path).unwrap()).await.message, message("evt_1"));
}
