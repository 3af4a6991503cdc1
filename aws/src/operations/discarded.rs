//! Discarded dead letters: they are kept in the table, from which they can be brought back into the queue.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tierlift_core::{
    failure::FailureRecord,
    id::EventId,
    ledger::{Act, LedgerEntry},
    limits::DISCARDED_KEPT_DAYS,
    ports::{DeadLetter, Discarded, Group, Message, Page, StoreError},
    stripe::event::Type,
    time::Timestamp,
};

use super::{Deployment, of_queue};
use crate::{
    clock,
    queue::HeldEvent,
    store::{Item, Listed, PK, Place, TTL, Write, check_item, new_item, number, text},
};

/// What the keys of discarded dead letters begin with.
const PREFIX: &str = "DISCARDED#";

/// A discarded dead letter, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    event: EventId,
    kind: Type,
    group: String,
    received_at: Timestamp,
    trace: Option<String>,
    body: Bytes,
    failure: FailureRecord,
    act: Act,
    discarded_at: Timestamp,
    expires_at: Timestamp,
}

impl Row {
    fn new(DeadLetter { message, failure }: DeadLetter, act: Act, now: Timestamp) -> Self {
        let Message { event, kind, group, received_at, trace, body } = message;
        Self {
            event,
            kind,
            group: group.0.to_string(),
            received_at,
            trace,
            body,
            failure,
            act,
            discarded_at: now,
            expires_at: now.plus_days(DISCARDED_KEPT_DAYS),
        }
    }

    fn to_item(&self) -> Result<Item, StoreError> {
        let fields = serde_dynamo::to_item(self).map_err(corrupt)?;
        let mut item = new_item(key(&self.event), fields);
        item.insert(TTL.to_owned(), number(self.expires_at.as_secs()));
        Listed::Discarded.insert(&mut item, self.discarded_at);
        Ok(item)
    }

    fn from_item(item: Item) -> Result<Self, StoreError> {
        let key = text(&item, PK).unwrap_or_default().to_owned();
        check_item(&item, &key)?;
        serde_dynamo::from_item(item).map_err(corrupt)
    }
}

impl From<Row> for Discarded {
    fn from(row: Row) -> Self {
        let Row { event, kind, group, received_at, trace, body, .. } = row;
        let message = Message { event, kind, group: Group(group.into()), received_at, trace, body };
        Self {
            dead_letter: DeadLetter { message, failure: row.failure },
            act: row.act,
            discarded_at: row.discarded_at,
            expires_at: row.expires_at,
        }
    }
}

pub(super) fn key(event: &EventId) -> String {
    format!("{PREFIX}{event}")
}

pub(super) fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(error.to_string())
}

/// Who acts. A row of an act has one.
pub(super) fn act_of(entry: &LedgerEntry) -> Result<Act, StoreError> {
    entry.act.clone().ok_or_else(|| corrupt("an act of nobody"))
}

impl Deployment {
    /// It is in the table before it leaves the queue. Where the process is killed in between, it is in both, and
    /// discarding it again ends that.
    pub(super) async fn discard_event(
        &self,
        event: &EventId,
        entry: LedgerEntry,
    ) -> Result<bool, StoreError> {
        let mut seen = self.seen.lock().await;
        let discarded = match seen.take(&self.queue, event).await {
            Ok(None) => Ok(false),
            Ok(Some(held)) => {
                let discarded = self.discard_held(&held, &entry).await;
                if discarded.is_err() {
                    seen.put(held);
                }
                discarded.map(|()| true)
            }
            Err(error) => Err(of_queue(error)),
        };
        // It is one act, and not one of many: the others are not hidden any longer.
        seen.let_go(&self.queue).await;
        discarded
    }

    async fn discard_held(&self, held: &HeldEvent, entry: &LedgerEntry) -> Result<(), StoreError> {
        let Some(latest) = held.latest().cloned() else { return Ok(()) };
        let row = Row::new(latest, act_of(entry)?, entry.processed_at);
        self.store.act(entry, Write::Put(row.to_item()?)).await?;
        self.queue.delete_held(held).await.map_err(of_queue)
    }

    /// It is in the queue before it leaves the table.
    pub(super) async fn undiscard_event(
        &self,
        event: &EventId,
        entry: LedgerEntry,
    ) -> Result<bool, StoreError> {
        let Some(item) = self.store.get_uncleared(key(event)).await? else { return Ok(false) };
        let discarded = Discarded::from(Row::from_item(item)?);
        if discarded.expires_at <= entry.processed_at {
            return Ok(false);
        }
        let id = format!("undiscard:{}:{event}", discarded.discarded_at.as_micros());
        let brought = self.queue.bring_back(&discarded.dead_letter, &id);
        brought.await.map_err(of_queue)?;
        self.store.act(&entry, Write::Clear(key(event))).await?;
        Ok(true)
    }

    pub(super) async fn list_discarded(
        &self,
        after: Option<&str>,
        max: usize,
    ) -> Result<Page<Discarded>, StoreError> {
        let behind = after.and_then(Place::parse);
        let page = self.store.listed(Listed::Discarded, None, behind.as_ref(), max);
        let (items, next) = page.await?;
        let discarded = items.into_iter().map(|item| Row::from_item(item).map(Into::into));
        let items = discarded.collect::<Result<_, _>>()?;
        Ok(Page { items, next: next.map(|place| place.to_string()) })
    }

    /// One scan of the dead letters serves them all.
    pub(super) async fn erase_events(&self, events: &[EventId]) -> Result<usize, StoreError> {
        let mut erased = 0;
        for event in events {
            erased += usize::from(self.erase_event(event).await?);
        }
        Ok(erased)
    }

    async fn erase_event(&self, event: &EventId) -> Result<bool, StoreError> {
        let held = self.seen.lock().await.take(&self.queue, event).await.map_err(of_queue)?;
        if let Some(held) = &held {
            self.queue.delete_held(held).await.map_err(of_queue)?;
        }
        let is_discarded = self.store.get_uncleared(key(event)).await?.is_some();
        if is_discarded {
            self.store.clear(key(event), clock().now()).await?;
        }
        Ok(held.is_some() || is_discarded)
    }
}
