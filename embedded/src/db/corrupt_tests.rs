//! Tests of damaged rows: a row that cannot be read is an error, never a row of which nothing is known,
//! and it holds up nobody else.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Barrier},
};

use tierlift_core::{
    codes::Code,
    customer::Customer,
    decide::{Commit, Decision, Loaded, decide},
    failure::Failure,
    id::{CustomerId, EventId, UserId},
    policy::{Policy, PolicyConfig},
    ports::{DeadLetters, Enqueue, Enqueued, Group, LoadKeys, Message, Queue, Store, StoreError},
    stripe::event::{Event, Type},
    time::Clock,
};
use tierlift_worker::{Settled, attempt, settle};

use super::{
    Db,
    engine::Job,
    queue, store,
    tests::{NOW, folder, message, open},
};

/// A `customer.subscription.created` event that names a user.
pub(super) fn created(event: &str, customer: &str, user: &str) -> Message {
    let body = format!(
        r#"{{"id":"{event}","type":"customer.subscription.created","created":1795000000,
            "livemode":false,"data":{{"object":{{"id":"sub_{customer}","customer":"{customer}",
            "status":"incomplete","items":{{"data":[{{"price":{{"id":"price_pro"}}}}]}},
            "metadata":{{"user_id":"{user}"}}}}}}}}"#
    );
    let group = Group::new(&EventId::new(event).unwrap(), CustomerId::new(customer).ok().as_ref());
    Message { group, kind: Type::SubscriptionCreated, body: body.into(), ..message(event) }
}

/// What the worker would commit for a message of which nothing else is known.
pub(super) fn decided(message: &Message, user: &str, policy: &Policy) -> Commit {
    let event =
        Event::parse(message.event.clone(), message.kind, &message.body, &policy.user_id_keys)
            .unwrap();
    let accounts = BTreeMap::from([(UserId::new(user).unwrap(), None)]);
    let customer = event.customer.clone().map(Customer::new);
    match decide(Loaded { customer, accounts, ..Loaded::default() }, &event, policy, NOW) {
        Decision::Commit(commit) => *commit,
        other @ (Decision::Duplicate | Decision::Load(_) | Decision::Park(_)) => {
            panic!("{other:?}")
        }
    }
}

async fn damage(db: &Db, sql: &'static str) {
    let changed = db.write(move |tables| Ok(tables.connection.execute(sql, ())?)).await.unwrap();
    assert_eq!(changed, 1, "{sql}");
}

/// A file in which `evt_1` was applied to customer `cus_1` and user `ada`, damaged afterwards and
/// reopened, so that nothing is cached.
async fn damaged(sql: &'static str) -> (tempfile::TempDir, Db) {
    let policy = Policy::new(PolicyConfig::default()).unwrap();
    let (folder, path) = folder();
    let db = open(&path).unwrap();
    db.commit(decided(&created("evt_1", "cus_1", "ada"), "ada", &policy)).await.unwrap();
    damage(&db, sql).await;
    drop(db);
    (folder, open(&path).unwrap())
}

/// What an event of customer `cus_1` needs.
fn keys(event: &str) -> LoadKeys {
    LoadKeys {
        event: EventId::new(event).unwrap(),
        customer: CustomerId::new("cus_1").ok(),
        payments: BTreeSet::new(),
        invoices: BTreeSet::new(),
        users: [UserId::new("ada").unwrap()].into(),
    }
}

#[tokio::test]
async fn a_damaged_customer_or_account_is_an_error() {
    let keys = keys("evt_2");
    for (sql, is_customer) in [
        ("UPDATE customers SET state = '{}'", true),
        ("UPDATE customers SET state = '{\"id\":\"cus_1\"}'", true),
        ("UPDATE customers SET state = substr(state, 1, 20)", true),
        ("UPDATE customers SET state = replace(state, 'cus_1', 'cus_2')", true),
        ("UPDATE customers SET version = -1", true),
        ("UPDATE accounts SET state = ''", false),
        ("UPDATE accounts SET state = '{\"user\":\"ada\"}'", false),
        ("UPDATE accounts SET state = replace(state, 'ada', 'bob')", false),
        ("UPDATE accounts SET version = -1", false),
    ] {
        let (_folder, db) = damaged(sql).await;
        let loaded = db.load(&keys).await;
        assert!(matches!(loaded, Err(StoreError::Corrupt(_))), "{sql}: {loaded:?}");
        let customer = db.customer(keys.customer.as_ref().unwrap()).await;
        assert_eq!(matches!(customer, Err(StoreError::Corrupt(_))), is_customer, "{sql}");
        let account = db.account(&UserId::new("ada").unwrap()).await;
        assert_eq!(matches!(account, Err(StoreError::Corrupt(_))), !is_customer, "{sql}");
    }
}

#[tokio::test]
async fn a_damaged_ledger_row_is_an_error_and_still_counts_as_processed() {
    let evt_1 = EventId::new("evt_1").unwrap();
    for sql in [
        "UPDATE ledger SET outcome = 'perhaps'",
        "UPDATE ledger SET kind = 'of.a.later.program'",
        "UPDATE ledger SET cause = 'unheard.of'",
        "UPDATE ledger SET customer = ''",
        "UPDATE ledger SET owners = '[{}]'",
        "UPDATE ledger SET owners = '[{\"user\":\"\"}]'",
    ] {
        let (_folder, db) = damaged(sql).await;
        let row = db.ledger(&evt_1).await;
        assert!(matches!(row, Err(StoreError::Corrupt(_))), "{sql}: {row:?}");
        assert!(db.load(&keys("evt_1")).await.unwrap().processed, "{sql}");
    }
}

#[tokio::test]
async fn a_damaged_dead_letter_stays_and_hides_no_other() {
    let evt_1 = EventId::new("evt_1").unwrap();
    for (sql, is_message) in [
        ("UPDATE dead_letters SET failure = '{}' WHERE event = 'evt_1'", false),
        ("UPDATE dead_letters SET failure = 'not json' WHERE event = 'evt_1'", false),
        ("UPDATE dead_letters SET kind = 'of.a.later.program' WHERE event = 'evt_1'", true),
    ] {
        let (_folder, path) = folder();
        let db = open(&path).unwrap();
        for event in ["evt_1", "evt_2"] {
            db.enqueue(message(event)).await.unwrap();
            let delivery = db.receive(1).await.unwrap().remove(0);
            db.park(&delivery, Failure::new(Code::PlanUnmapped, &"no role")).await.unwrap();
        }
        damage(&db, sql).await;
        let listed = db.list(9).await.unwrap();
        let causes: Vec<_> =
            listed.iter().map(|it| (it.message.event.as_str(), it.failure.cause)).collect();
        let (damaged, other) = (("evt_1", Code::StoreCorrupt), ("evt_2", Code::PlanUnmapped));
        assert_eq!(causes, if is_message { vec![other] } else { vec![damaged, other] }, "{sql}");
        // Only the message is redriven, so a damaged failure record does not matter to it.
        assert_eq!(db.redrive(&evt_1).await.is_err(), is_message, "{sql}");
        assert_eq!(db.depth().await.unwrap().dead, 1 + u64::from(is_message), "{sql}");
    }
}

#[tokio::test]
async fn a_failure_record_that_cannot_be_read_is_begun_anew() {
    for record in [
        r#"{"cause":"of.a.later_version","attempts":3,"first_at":0,"last_at":0,"last_error":""}"#,
        "{}",
        "not json",
    ] {
        let (_folder, path) = folder();
        let db = open(&path).unwrap();
        db.enqueue(message("evt_1")).await.unwrap();
        let sql = format!("UPDATE queue SET failure = '{record}'");
        db.write(move |tables| Ok(tables.connection.execute(&sql, ())?)).await.unwrap();
        drop(db);
        let db = open(&path).unwrap();
        let delivery = db.receive(1).await.unwrap().remove(0);
        assert_eq!(delivery.attempt, if record.contains('3') { 4 } else { 1 }, "{record}");
        db.retry(&delivery, 0, Failure::new(Code::WorkerPanicked, &"a defect")).await.unwrap();
        let delivery = db.receive(1).await.unwrap().remove(0);
        db.park(&delivery, Failure::new(Code::PlanUnmapped, &"no role")).await.unwrap();
        let dead = db.list(9).await.unwrap();
        assert_eq!((dead[0].failure.cause, dead[0].failure.attempts), (Code::PlanUnmapped, 2));
        assert_eq!(db.depth().await.unwrap().queued, 0);
    }
}

#[tokio::test]
async fn a_damaged_user_id_is_an_error_and_nobody_is_left_out_of_who_is_due() {
    let (_folder, db) = damaged("UPDATE accounts SET user = '', next_expiry_at = 0").await;
    let due = db.expired(NOW, 9).await;
    assert!(matches!(due, Err(StoreError::Corrupt(_))), "{due:?}");
}

#[tokio::test]
async fn a_corrupt_customer_parks_its_own_event_and_holds_up_nobody_else() {
    let (_folder, db) = damaged("UPDATE customers SET state = '{}'").await;
    let policy = Policy::new(PolicyConfig::default()).unwrap();
    db.enqueue(created("evt_2", "cus_1", "ada")).await.unwrap();
    db.enqueue(created("evt_3", "cus_2", "bob")).await.unwrap();
    let mut settled = Vec::new();
    for delivery in db.receive(9).await.unwrap() {
        let verdict = attempt(&db, &policy, &delivery, &Clock::new(|| NOW)).await;
        settled.push(settle(&db, &delivery, verdict).await);
    }
    assert!(matches!(settled[..], [Settled::Parked, Settled::Done(_)]), "{settled:?}");
    let dead = db.list(9).await.unwrap();
    let causes: Vec<_> =
        dead.iter().map(|it| (it.message.event.as_str(), it.failure.cause)).collect();
    assert_eq!(causes, [("evt_2", Code::StoreCorrupt)]);
    assert!(db.ledger(&EventId::new("evt_2").unwrap()).await.unwrap().is_none());
    assert!(db.ledger(&EventId::new("evt_3").unwrap()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_commit_on_a_corrupt_row_does_not_roll_back_the_jobs_beside_it() {
    let (_folder, db) = damaged("UPDATE customers SET state = '{}'").await;
    let policy = Policy::new(PolicyConfig::default()).unwrap();
    let commit = decided(&created("evt_2", "cus_1", "ada"), "ada", &policy);
    // All three are submitted before the thread is free, so they share a transaction.
    let gate = Arc::new(Barrier::new(2));
    let waiting = Arc::clone(&gate);
    db.send_job(Job::Read(Box::new(move |_| {
        waiting.wait();
    })));
    let before = db.submit(|tables| queue::enqueue(tables, &message("evt_3").into()));
    let corrupt = db.submit(move |tables| store::commit(tables, &commit));
    let after = db.submit(|tables| queue::enqueue(tables, &message("evt_4").into()));
    gate.wait();
    assert_eq!(before.await.unwrap().unwrap().unwrap(), Enqueued::Queued);
    assert!(matches!(corrupt.await.unwrap(), Err(super::Error::Corrupt(_))));
    assert_eq!(after.await.unwrap().unwrap().unwrap(), Enqueued::Queued);
    assert!(db.ledger(&EventId::new("evt_2").unwrap()).await.unwrap().is_none());
    assert_eq!(db.depth().await.unwrap().queued, 2);
}
