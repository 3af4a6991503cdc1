use std::sync::Mutex;

use bytes::Bytes;
use tierlift_core::{
    account::Account,
    customer::Customer,
    decide::{Commit, Loaded},
    id::{CustomerId, EventId, UserId},
    ledger::LedgerEntry,
    policy::{PlanConfig, PolicyConfig},
    ports::{Group, LoadKeys, Message, QueueError, StoreError},
    stripe::event::Type,
    time::Timestamp,
};

use super::*;
use crate::retry_delay_ms;

/// A queue that notes how deliveries were settled, in order.
#[derive(Debug, Default)]
struct SettledLog {
    entries: Mutex<Vec<String>>,
    /// The delays of what was retried and released, in milliseconds.
    delays_ms: Mutex<Vec<u64>>,
    /// Parking fails.
    dead_letters_away: bool,
    /// Retrying fails.
    retries_away: bool,
}

impl SettledLog {
    fn note(&self, entry: String) {
        self.entries.lock().unwrap().push(entry);
    }
}

impl Queue for SettledLog {
    async fn receive(&self, _: usize) -> Result<Vec<Delivery>, QueueError> {
        unreachable!("Lambda receives")
    }

    async fn delete(&self, _: Vec<Receipt>) -> Result<(), QueueError> {
        unreachable!("Lambda deletes")
    }

    async fn retry(
        &self,
        delivery: &Delivery,
        delay_ms: u64,
        error: Failure,
    ) -> Result<(), QueueError> {
        if self.retries_away {
            return Err(QueueError::Unavailable("away".into()));
        }
        self.delays_ms.lock().unwrap().push(delay_ms);
        self.note(format!("retry {} {}", delivery.receipt.0, error.cause));
        Ok(())
    }

    async fn release(&self, deliveries: &[Delivery], delay_ms: u64) -> Result<(), QueueError> {
        self.delays_ms.lock().unwrap().push(delay_ms);
        let receipts: Vec<_> = deliveries.iter().map(|one| one.receipt.0.as_str()).collect();
        self.note(format!("release {}", receipts.join(" ")));
        Ok(())
    }

    async fn park(&self, delivery: &Delivery, error: Failure) -> Result<(), QueueError> {
        if self.dead_letters_away {
            return Err(QueueError::Unavailable("away".into()));
        }
        self.note(format!("park {} {}", delivery.receipt.0, error.cause));
        Ok(())
    }
}

/// A store that is unavailable for some customers, panics for `cus_bug`, and hangs for `cus_slow`.
#[derive(Debug, Default)]
struct Rows {
    committed: Mutex<Vec<String>>,
}

impl Store for Rows {
    async fn load(&self, keys: &LoadKeys) -> Result<Loaded, StoreError> {
        let id = keys.customer.clone().unwrap();
        match id.as_str() {
            "cus_away" => return Err(StoreError::Unavailable("away".into())),
            "cus_bug" => panic!("a defect"),
            "cus_slow" => std::future::pending().await,
            _ => {}
        }
        let accounts = keys.users.iter().map(|user| (user.clone(), None)).collect();
        Ok(Loaded { customer: Some(Customer::new(id)), accounts, ..Loaded::default() })
    }

    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        if commit.customer.is_some_and(|customer| customer.id.as_str() == "cus_large") {
            return Err(StoreError::TooLarge(Code::CustomerTooLarge));
        }
        self.committed.lock().unwrap().push(commit.ledger.event.as_str().to_owned());
        Ok(())
    }

    async fn account(&self, _: &UserId) -> Result<Option<Account>, StoreError> {
        Ok(None)
    }

    async fn customer(&self, _: &CustomerId) -> Result<Option<Customer>, StoreError> {
        Ok(None)
    }

    async fn ledger(&self, _: &EventId) -> Result<Option<LedgerEntry>, StoreError> {
        Ok(None)
    }

    async fn expired(&self, _: Timestamp, _: usize) -> Result<Vec<UserId>, StoreError> {
        Ok(Vec::new())
    }
}

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

fn delivery(event: &str, customer: &str) -> Delivery {
    let event_id = EventId::new(event).unwrap();
    let body = format!(
        r#"{{"id":"{event}","type":"customer.updated","created":1795000000,"livemode":false,
            "data":{{"object":{{"id":"{customer}","object":"customer",
            "metadata":{{"user_id":"ada"}}}}}}}}"#
    );
    let message = Message {
        group: Group::new(&event_id, Some(&CustomerId::new(customer).unwrap())),
        event: event_id,
        kind: Type::CustomerUpdated,
        received_at: NOW,
        trace: None,
        body: Bytes::from(body),
    };
    Delivery { receipt: Receipt(event.to_owned()), message, attempt: 1, deliveries: 1 }
}

fn worker(queue: SettledLog) -> Worker<SettledLog, Rows> {
    let policy = Policy::new(PolicyConfig {
        plans: vec![PlanConfig::new("price_pro", "paid")],
        ..PolicyConfig::default()
    });
    let (store, policy) = (Rows::default(), policy.unwrap().into());
    Worker { queue, store, policy, clock: Clock::new(|| NOW) }
}

/// A batch of `event customer` pairs; gives what stays, what was committed, and what was said.
async fn run(queue: SettledLog, batch: &[(&str, &str)]) -> [String; 3] {
    let worker = worker(queue);
    let deliveries = batch.iter().map(|(event, customer)| delivery(event, customer)).collect();
    let stays = worker.batch(deliveries, Duration::from_secs(5)).await;
    let stays: Vec<_> = stays.into_iter().map(|receipt| receipt.0).collect();
    let committed = worker.store.committed.into_inner().unwrap();
    let said = worker.queue.entries.into_inner().unwrap();
    [stays.join(" "), committed.join(" "), said.join(", ")]
}

#[tokio::test(start_paused = true)]
async fn what_fails_holds_back_its_own_group_and_no_other() {
    let batch = [("1", "cus_a"), ("2", "cus_away"), ("3", "cus_a"), ("4", "cus_away"), ("5", "c")];
    let [stays, committed, said] = run(SettledLog::default(), &batch).await;
    assert_eq!(stays, "2 4");
    assert_eq!(committed, "1 3 5");
    assert_eq!(said, "release 2, release 4");
}

#[tokio::test(start_paused = true)]
async fn what_is_set_aside_holds_back_nobody() {
    let mut batch =
        vec![delivery("1", "cus_a"), delivery("2", "cus_a"), delivery("3", "cus_large")];
    batch[0].message.body = Bytes::from_static(b"{}");
    let worker = worker(SettledLog::default());
    assert_eq!(worker.batch(batch, Duration::from_secs(5)).await, []);
    assert_eq!(worker.store.committed.into_inner().unwrap(), ["2"]);
    let said = worker.queue.entries.into_inner().unwrap();
    assert_eq!(said, ["park 1 payload.malformed", "park 3 customer.too_large"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_set_aside_stays_with_the_rest_of_its_group() {
    let batch = [("1", "cus_large"), ("2", "cus_large"), ("3", "cus_a")];
    let queue = SettledLog { dead_letters_away: true, ..SettledLog::default() };
    let [stays, committed, said] = run(queue, &batch).await;
    assert_eq!((stays.as_str(), committed.as_str()), ("1 2", "3"));
    assert_eq!(said, "release 1, release 2");
}

#[tokio::test(start_paused = true)]
async fn a_defect_is_a_failure_of_its_event_alone() {
    let [stays, committed, said] =
        run(SettledLog::default(), &[("1", "cus_bug"), ("2", "c")]).await;
    assert_eq!((stays.as_str(), committed.as_str()), ("1", "2"));
    assert_eq!(said, "retry 1 worker.panicked");
}

#[tokio::test(start_paused = true)]
async fn what_gets_no_answer_in_time_comes_again() {
    let batch = [("1", "cus_slow"), ("2", "cus_slow"), ("3", "cus_a")];
    let [stays, committed, said] = run(SettledLog::default(), &batch).await;
    assert_eq!((stays.as_str(), committed.as_str()), ("1 2", "3"));
    assert_eq!(said, "release 1, release 2");
}

#[tokio::test(start_paused = true)]
async fn the_last_attempt_of_a_defect_is_parked_and_no_outage_ever_is() {
    for (customer, stays, said) in [
        ("cus_bug", 0, "park 1 worker.panicked"),
        ("cus_away", 1, "release 1"),
        ("cus_slow", 1, "release 1"),
    ] {
        let mut last = delivery("1", customer);
        last.attempt = tierlift_core::limits::ATTEMPTS_MAX;
        last.deliveries = 1_000;
        let worker = worker(SettledLog::default());
        let batch = worker.batch(vec![last], Duration::from_secs(5)).await;
        assert_eq!((batch.len(), customer), (stays, customer));
        assert_eq!(worker.queue.entries.into_inner().unwrap(), [said]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_a_group_waits_in_its_order_as_long_as_its_head() {
    let head_delay_ms = retry_delay_ms("1", 1);
    for (head, dead_letters_away, said) in [
        ("cus_away", false, "release 1, release 2 3"),
        ("cus_large", true, "release 1, release 2 3"),
    ] {
        let worker = worker(SettledLog { dead_letters_away, ..SettledLog::default() });
        let batch = ["1", "2", "3"].map(|event| delivery(event, head)).to_vec();
        assert_eq!(worker.batch(batch, Duration::from_secs(5)).await.len(), 3, "{head}");
        assert_eq!(worker.queue.entries.into_inner().unwrap().join(", "), said);
        assert_eq!(worker.queue.delays_ms.into_inner().unwrap(), [head_delay_ms; 2], "{head}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_retried_stays_with_the_rest_of_its_group() {
    let batch = [("1", "cus_bug"), ("2", "cus_bug"), ("3", "cus_a")];
    let queue = SettledLog { retries_away: true, ..SettledLog::default() };
    let [stays, committed, said] = run(queue, &batch).await;
    assert_eq!((stays.as_str(), committed.as_str(), said.as_str()), ("1 2", "3", "release 2"));
}

#[tokio::test(start_paused = true)]
async fn what_its_time_does_not_suffice_for_is_released_without_an_attempt() {
    let worker = worker(SettledLog::default());
    let batch = [delivery("1", "cus_a"), delivery("2", "cus_a")].to_vec();
    assert_eq!(worker.batch(batch, Duration::ZERO).await.len(), 2);
    assert_eq!(worker.store.committed.into_inner().unwrap(), [""; 0]);
    assert_eq!(worker.queue.entries.into_inner().unwrap(), ["release 1", "release 2"]);
    assert_eq!(worker.queue.delays_ms.into_inner().unwrap(), [0, 0]);
}
