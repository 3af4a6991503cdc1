//! What operators work on: the queue, its dead letters and the table of one deployment, with the operator's own
//! credentials.
//!
//! Listing reads every dead letter once and hides none afterwards. A redrive holds them: see
//! [`crate::queue`]'s `held`. It refuses to keep an index of dead letters, since SQS and other people move them.

mod dead_letters;
mod discarded;
mod import;
mod ledger;
mod notes;
mod stack;
mod worker;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{try_join, try_join3};
use tierlift_core::{
    account::Account,
    customer::Customer,
    decide::{Commit, Loaded},
    id::{CustomerId, EventId, UserId},
    ledger::LedgerEntry,
    ports::{
        self, Activity, DeadLetter, DeadLetters, Depth, Discarded, Enqueue, Enqueued, Fate,
        LedgerFilter, LoadKeys, Message, Note, Page, QueueError, ReconciliationRecord, Scan,
        StoreError, Waiting, WaitingList, WaitingTotals,
    },
    reconciliation::Reconciliation,
    time::Timestamp,
};
use tokio::sync::Mutex;

use crate::{
    queue::{Producer, Queue},
    store::Store,
};

use dead_letters::Seen;
use ledger::Scanned;
use worker::EventSource;

pub use stack::StackError;

/// One deployment, as operators work on it. It remembers what it has read for the next page of it.
#[derive(Debug)]
pub struct Deployment {
    store: Store,
    queue: Queue,
    /// Where thin events wait for Stripe, if it is asked.
    thin: Option<Producer>,
    seen: Mutex<Seen>,
    scanned: Mutex<Option<Scanned>>,
    /// What the worker is paused by; without it a pause is only noted.
    source: Option<EventSource>,
}

impl Deployment {
    /// The deployment with that table and these queues. Its worker is not known, so a pause is only noted.
    #[must_use]
    pub fn new(store: Store, queue: Queue) -> Self {
        let (seen, scanned) = (Mutex::default(), Mutex::default());
        Self { store, queue, thin: None, seen, scanned, source: None }
    }

    /// The same with the queue of thin events.
    #[must_use]
    pub fn with_thin_queue(self, thin: Option<Producer>) -> Self {
        Self { thin, ..self }
    }

    async fn thin_queued(&self) -> Result<Option<u64>, QueueError> {
        let Some(thin) = &self.thin else { return Ok(None) };
        thin.messages().await.map(Some)
    }

    async fn thin_in_flight(&self) -> Result<u64, QueueError> {
        let Some(thin) = &self.thin else { return Ok(0) };
        thin.in_flight().await
    }

    /// Makes visible again what a redrive holds. Where this is not called, SQS does so within minutes.
    pub async fn let_go(&self) {
        self.seen.lock().await.let_go(&self.queue).await;
    }
}

/// An error of the queue, where the port has one of the store.
fn of_queue(error: QueueError) -> StoreError {
    StoreError::Unavailable(error.into())
}

impl ports::Store for Deployment {
    async fn load(&self, keys: &LoadKeys) -> Result<Loaded, StoreError> {
        self.store.load(keys).await
    }

    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        self.store.commit(commit).await
    }

    async fn account(&self, user: &UserId) -> Result<Option<Account>, StoreError> {
        self.store.account(user).await
    }

    async fn customer(&self, customer: &CustomerId) -> Result<Option<Customer>, StoreError> {
        self.store.customer(customer).await
    }

    async fn ledger(&self, event: &EventId) -> Result<Option<LedgerEntry>, StoreError> {
        self.store.ledger(event).await
    }

    async fn expired(&self, now: Timestamp, max: usize) -> Result<Vec<UserId>, StoreError> {
        self.store.expired(now, max).await
    }
}

impl Scan for Deployment {
    async fn customers(
        &self,
        after: Option<&str>,
        max: usize,
    ) -> Result<Page<Customer>, StoreError> {
        self.store.customers(after, max).await
    }

    async fn accounts(&self, after: Option<&str>, max: usize) -> Result<Page<Account>, StoreError> {
        self.store.accounts(after, max).await
    }

    async fn accounts_of(&self, users: Vec<UserId>) -> Result<Vec<Account>, StoreError> {
        self.store.accounts_of(users).await
    }
}

impl WaitingList for Deployment {
    async fn waiting(&self, max: usize) -> Result<Vec<Waiting>, StoreError> {
        self.store.waiting(max).await
    }

    async fn waiting_totals(&self) -> Result<WaitingTotals, StoreError> {
        self.store.waiting_totals().await
    }
}

impl ReconciliationRecord for Deployment {
    async fn reconciliation(&self) -> Result<Option<Reconciliation>, StoreError> {
        self.store.reconciliation().await
    }

    async fn set_reconciliation(&self, state: Reconciliation) -> Result<(), StoreError> {
        self.store.set_reconciliation(state).await
    }
}

impl Enqueue for Deployment {
    async fn enqueue(&self, message: Message) -> Result<Enqueued, QueueError> {
        self.queue.enqueue(message).await
    }
}

impl DeadLetters for Deployment {
    async fn list(&self, max: usize) -> Result<Vec<DeadLetter>, QueueError> {
        self.let_go().await;
        self.queue.list(max).await
    }

    async fn get(&self, event: &EventId) -> Result<Option<DeadLetter>, QueueError> {
        self.let_go().await;
        self.queue.get(event).await
    }

    async fn dead_among(&self, events: BTreeSet<EventId>) -> Result<BTreeSet<EventId>, QueueError> {
        self.let_go().await;
        self.queue.dead_among(events).await
    }

    /// One scan of the dead letters serves as many redrives as follow within two minutes.
    async fn redrive(&self, event: &EventId) -> Result<bool, QueueError> {
        let Some(held) = self.seen.lock().await.take(&self.queue, event).await? else {
            return Ok(false);
        };
        let redriven = self.queue.redrive_held(&held).await;
        if redriven.is_err() {
            self.seen.lock().await.put(held);
        }
        redriven.map(|()| true)
    }

    /// A thin event that waits for Stripe is not applied yet, either.
    async fn depth(&self) -> Result<Depth, QueueError> {
        let (depth, thin) = try_join(self.queue.depth(), self.thin_queued()).await?;
        Ok(Depth { queued: depth.queued + thin.unwrap_or(0), ..depth })
    }
}

impl ports::Operations for Deployment {
    async fn dead_letters(
        &self,
        after: Option<&str>,
        until: Option<&str>,
        max: usize,
    ) -> Result<Page<DeadLetter>, StoreError> {
        let page = self.seen.lock().await.page(&self.queue, after, until, max).await;
        page.map_err(of_queue)
    }

    async fn dead_letters_end(&self) -> Result<Option<String>, StoreError> {
        self.seen.lock().await.end(&self.queue).await.map_err(of_queue)
    }

    async fn fates(&self, events: &[EventId]) -> Result<Vec<Fate>, StoreError> {
        self.fates_of(events).await
    }

    async fn discard(&self, event: &EventId, entry: LedgerEntry) -> Result<bool, StoreError> {
        self.discard_event(event, entry).await
    }

    async fn undiscard(&self, event: &EventId, entry: LedgerEntry) -> Result<bool, StoreError> {
        self.undiscard_event(event, entry).await
    }

    async fn discarded(
        &self,
        after: Option<&str>,
        max: usize,
    ) -> Result<Page<Discarded>, StoreError> {
        self.list_discarded(after, max).await
    }

    async fn erase_messages(&self, events: &[EventId]) -> Result<usize, StoreError> {
        let erased = self.erase_events(events).await;
        self.let_go().await;
        erased
    }

    async fn import_dead_letters(
        &self,
        dead_letters: Vec<DeadLetter>,
        entry: LedgerEntry,
    ) -> Result<usize, StoreError> {
        self.import(dead_letters, entry).await
    }

    async fn erase_note(&self, group: &str) -> Result<(), StoreError> {
        self.clear_note(group).await
    }

    async fn replace_rows(&self, rows: Vec<(EventId, LedgerEntry)>) -> Result<(), StoreError> {
        self.replace(rows).await
    }

    async fn notes(&self) -> Result<BTreeMap<String, Note>, StoreError> {
        self.list_notes().await
    }

    async fn set_note(&self, group: &str, entry: LedgerEntry) -> Result<(), StoreError> {
        self.write_note(group, entry).await
    }

    /// SQS counts what is in flight. It and the table know nothing else of it.
    async fn activity(&self, _now: Timestamp) -> Result<Activity, StoreError> {
        let counts = try_join3(self.queue.in_flight(), self.thin_in_flight(), self.thin_queued());
        let (in_flight, thin_in_flight, thin_queued) = counts.await.map_err(of_queue)?;
        let in_flight = Some(in_flight + thin_in_flight);
        Ok(Activity { in_flight, thin_queued, ..Activity::default() })
    }

    async fn ledger_page(
        &self,
        filter: &LedgerFilter,
        before: Option<&str>,
        max: usize,
    ) -> Result<Page<LedgerEntry>, StoreError> {
        self.rows(filter, before, max).await
    }

    async fn paused(&self) -> Result<Option<Note>, StoreError> {
        self.pause().await
    }

    async fn set_paused(&self, is_paused: bool, entry: LedgerEntry) -> Result<(), StoreError> {
        self.write_pause(is_paused, entry).await
    }
}
