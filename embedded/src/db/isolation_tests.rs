//! Tests of what fails beside others: it fails alone, it is visible, and it holds up nobody.

use std::{
    fs,
    os::unix::fs::FileExt as _,
    path::Path,
    sync::{
        Arc, Barrier,
        atomic::{AtomicI64, Ordering},
    },
};

use futures_util::FutureExt as _;
use rusqlite::Connection;
use tierlift_core::{
    codes::Code,
    id::EventId,
    policy::{Policy, PolicyConfig},
    ports::{DeadLetters, Enqueue, Enqueued, Group, Message, Queue, Store as _},
    time::Clock,
};
use tierlift_worker::{attempt, settle};

use super::{
    Db, Error,
    corrupt_tests::{created, decided},
    engine::Job,
    tests::{NOW, folder, message, open},
};

const PAGE_BYTES: usize = 4_096;

/// Where a page begins; SQLite counts from 1.
fn offset(page: u32) -> u64 {
    (u64::from(page) - 1) * PAGE_BYTES as u64
}

/// Submits what follows while the writing thread waits, so that it shares a transaction.
fn hold(db: &Db) -> Arc<Barrier> {
    let gate = Arc::new(Barrier::new(2));
    let waiting = Arc::clone(&gate);
    db.send_job(Job::Read(Box::new(move |_| {
        waiting.wait();
    })));
    gate
}

/// Overwrites one leaf page of a table or an index with noise; it must have several.
fn damage_leaf(path: &Path, name: &str) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let root = "SELECT rootpage FROM sqlite_master WHERE name = ?1";
    let root: u32 = connection.query_row(root, (name,), |row| row.get(0)).unwrap();
    drop(connection);
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    let mut page = [0; PAGE_BYTES];
    file.read_exact_at(&mut page, offset(root)).unwrap();
    assert!(matches!(page[0], 2 | 5), "{name} has one page");
    // The pointer to the second cell, which begins with the number of its left child.
    let cell = usize::from(u16::from_be_bytes([page[14], page[15]]));
    let child = u32::from_be_bytes(page[cell..cell + 4].try_into().unwrap());
    let noise = [0xA5; PAGE_BYTES];
    file.write_all_at(&noise, offset(child)).unwrap();
}

#[tokio::test]
async fn a_job_that_fails_takes_no_other_with_it() {
    let (_folder, path) = folder();
    let db = open(&path).unwrap();
    db.enqueue(message("evt_1")).await.unwrap();
    let delivery = db.receive(1).await.unwrap().remove(0);
    let gate = hold(&db);
    let before = db.submit(|tables| super::queue::enqueue(tables, &message("evt_2").into()));
    // It writes something before it fails.
    let broken = db.submit(|tables| {
        tables.connection.execute("DELETE FROM queue", ())?;
        Ok(tables.connection.execute("INSERT INTO deployment VALUES (NULL)", ())?)
    });
    let after = db.submit(|tables| super::queue::enqueue(tables, &message("evt_3").into()));
    db.delete_later(vec![delivery.receipt]);
    gate.wait();
    assert!(matches!(broken.await.unwrap(), Err(Error::Sql(_))));
    for enqueued in [before, after] {
        assert_eq!(enqueued.await.unwrap().unwrap().unwrap(), Enqueued::Queued);
    }
    db.flush().await.unwrap();
    assert_eq!(db.depth().await.unwrap().queued, 2);
    assert_eq!(db.receive(9).await.unwrap()[0].message, message("evt_2"));
}

#[tokio::test]
async fn a_full_disk_fails_everybody_and_the_queue_goes_on_where_it_was() {
    let (_folder, path) = folder();
    let passed_secs = Arc::new(AtomicI64::default());
    let clock = {
        let passed_secs = Arc::clone(&passed_secs);
        Clock::new(move || NOW.plus_secs(passed_secs.load(Ordering::SeqCst)))
    };
    let db = Db::open(&path, clock).unwrap();
    let other = Message { group: Group("cus_2".into()), ..message("evt_2") };
    db.enqueue(message("evt_1")).await.unwrap();
    let first = db.receive(1).await.unwrap().remove(0);
    let pages = |max: i64| {
        db.write(move |tables| Ok(tables.connection.pragma_update(None, "max_page_count", max)?))
    };
    pages(1).await.unwrap();
    let large = Message { body: vec![b' '; 100_000].into(), ..other.clone() };
    let gate = hold(&db);
    let lost = [large.clone(), large].map(|large| {
        db.submit(move |tables| super::queue::enqueue(tables, &Arc::new(large.clone())))
    });
    gate.wait();
    for lost in lost {
        assert!(lost.await.unwrap().is_err_and(|error| error.concerns_every_job()));
    }
    pages(1_000_000).await.unwrap();
    // What was delivered before can still be settled.
    db.enqueue(other.clone()).await.unwrap();
    db.delete(vec![first.receipt]).await.unwrap();
    assert_eq!(db.depth().await.unwrap().queued, 1);
    // Nothing is delivered at once: the next transaction might be lost for the same reason.
    let mut received = std::pin::pin!(db.receive(9));
    db.flush().await.unwrap();
    assert!(received.as_mut().now_or_never().is_none());
    passed_secs.store(1, Ordering::SeqCst);
    db.flush().await.unwrap();
    assert_eq!(received.await.unwrap()[0].message, other);
}

#[tokio::test]
async fn a_release_needs_no_disk() {
    let (_folder, path) = folder();
    let db = open(&path).unwrap();
    db.enqueue(message("evt_1")).await.unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for deliveries in 1..=20 {
        let delivery = db.receive(1).await.unwrap().remove(0);
        assert_eq!((delivery.attempt, delivery.deliveries), (1, deliveries));
        db.release(&[delivery], 0).await.unwrap();
    }
}

#[tokio::test]
async fn a_damaged_page_of_the_ledger_parks_what_it_concerns_and_nothing_else() {
    let policy = Policy::new(PolicyConfig::default()).unwrap();
    let (_folder, path) = folder();
    let db = open(&path).unwrap();
    for number in 0..600 {
        let event = created(&format!("evt_{number:03}"), &format!("cus_{number}"), "ada");
        let mut commit = decided(&event, "ada", &policy);
        commit.accounts.clear();
        db.commit(commit).await.unwrap();
    }
    drop(db);
    damage_leaf(&path, "sqlite_autoindex_ledger_1");
    let db = open(&path).unwrap();
    let events: Vec<String> =
        (0..600).step_by(3).map(|number| format!("evt_{number:03}x")).collect();
    for event in &events {
        db.enqueue(created(event, &format!("cus_{event}"), event)).await.unwrap();
    }
    let mut settled = 0;
    while settled < events.len() {
        for delivery in db.receive(9).await.unwrap() {
            let verdict = attempt(&db, &policy, &delivery, &Clock::new(|| NOW)).await;
            if let tierlift_worker::Settled::Done(_) = settle(&db, &delivery, verdict).await {
                db.delete(vec![delivery.receipt]).await.unwrap();
            }
            settled += 1;
        }
    }
    let dead = db.list(usize::MAX).await.unwrap();
    assert!(dead.iter().all(|it| it.failure.cause == Code::StoreCorrupt), "{dead:?}");
    assert!((1..100).contains(&dead.len()), "{}", dead.len());
    assert_eq!(db.depth().await.unwrap().queued, 0);
    for event in &events {
        let id = EventId::new(event).unwrap();
        let is_dead = dead.iter().any(|it| it.message.event == id);
        assert_eq!(matches!(db.ledger(&id).await, Ok(Some(_))), !is_dead, "{event}");
    }
}

#[tokio::test]
async fn a_damaged_page_of_the_queue_holds_up_nobody_else() {
    let (_folder, path) = folder();
    let db = open(&path).unwrap();
    for number in 0..300 {
        let group = Group(format!("cus_{number}").into());
        let sent = Message { group, ..message(&format!("evt_{number:03}")) };
        db.enqueue(sent).await.unwrap();
    }
    drop(db);
    damage_leaf(&path, "queue");
    let db = open(&path).unwrap();
    let last = Message { group: Group("cus_new".into()), ..message("evt_new") };
    db.enqueue(last.clone()).await.unwrap();
    let mut received = Vec::new();
    while received.last() != Some(&last) {
        let more = db.receive(64).await.unwrap();
        received.extend(more.into_iter().map(|delivery| delivery.message));
    }
    assert!((200..300).contains(&received.len()), "{}", received.len());
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_parked_and_its_customer_goes_on() {
    for damage in ["kind = 'of.a.later.program'", "event = ''"] {
        let (_folder, path) = folder();
        let db = open(&path).unwrap();
        for event in ["evt_1", "evt_2"] {
            db.enqueue(message(event)).await.unwrap();
        }
        let sql = format!("UPDATE queue SET {damage} WHERE event = 'evt_1'");
        db.write(move |tables| Ok(tables.connection.execute(&sql, ())?)).await.unwrap();
        drop(db);
        let db = open(&path).unwrap();
        assert_eq!(db.receive(9).await.unwrap()[0].message, message("evt_2"));
        let depth = db.depth().await.unwrap();
        assert_eq!((depth.queued, depth.dead), (1, 1));
        let cause = "SELECT failure ->> 'cause' FROM dead_letters";
        let cause = db.write(move |tables| {
            Ok(tables.connection.query_row(cause, (), |row| row.get::<_, String>(0))?)
        });
        assert_eq!(cause.await.unwrap(), "store.corrupt");
    }
}
