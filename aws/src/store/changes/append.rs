//! Appending to the log what the table's stream brings.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aws_sdk_dynamodb::{
    error::{BuildError, SdkError},
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, Put, TransactWriteItem, builders::PutBuilder},
};
use sha2::{Digest as _, Sha256};
use tierlift_core::{
    change::Change,
    id::UserId,
    limits::{
        CHANGE_LOG_ATTEMPTS_MAX, CHANGE_LOG_RETRY_DELAY_MS, CHANGES_KEPT_DAYS,
        CHANGES_PER_TRANSACTION_MAX, LOGGED_KEPT_DAYS,
    },
    ports::StoreError,
    time::Timestamp,
};
use tokio::time::sleep;

use super::{
    Changes, HEAD_KEY, Head, Item, LOG, LOGGED, LOGGED_PREFIX, SEQUENCE, StreamBatch,
    StreamedChange, TTL, item, new_item, number, row_key, text,
};
use crate::store::error::unavailable;

/// Bytes of the digest that names a log.
const NAME_BYTES: usize = 8;

impl Changes {
    /// Appends the changes of a batch that are not in the log yet. When it returns, all of them are.
    pub async fn append(&self, batch: &StreamBatch) -> Result<(), StoreError> {
        if !batch.is_complete {
            tracing::error!(stream = batch.stream, "a change may be missing, a new log begins");
            self.repeated(&batch.stream, &[], true).await?;
        }
        for changes in batch.changes.chunks(CHANGES_PER_TRANSACTION_MAX) {
            self.repeated(&batch.stream, changes, false).await?;
        }
        Ok(())
    }

    /// Makes one transaction, again where another one was faster: each shard of the stream has a writer.
    async fn repeated(
        &self,
        stream: &str,
        changes: &[StreamedChange],
        begins: bool,
    ) -> Result<(), StoreError> {
        for attempt in 1..CHANGE_LOG_ATTEMPTS_MAX {
            match self.append_once(stream, changes, begins).await {
                Err(StoreError::Conflict) => {}
                done => return done,
            }
            sleep(Duration::from_millis(CHANGE_LOG_RETRY_DELAY_MS * attempt)).await;
        }
        self.append_once(stream, changes, begins).await
    }

    async fn append_once(
        &self,
        stream: &str,
        changes: &[StreamedChange],
        begins: bool,
    ) -> Result<(), StoreError> {
        // What is logged of each user is read after the head: a transaction in between replaces the head.
        let known = self.head().await?;
        let now = self.clock.now();
        let follows = known.as_ref().filter(|head| head.stream == stream && !begins);
        let mut head = match follows {
            Some(head) => head.clone(),
            None => Head::new(known.as_ref(), stream, now),
        };
        let new = self.not_logged(&head, changes).await?;
        if new.is_empty() && !begins {
            return Ok(());
        }
        let kept_until = now.plus_days(CHANGES_KEPT_DAYS).as_secs();
        head.kept_until = head.kept_until.max(kept_until);
        let mut items: Vec<Item> = new.iter().map(|change| head.push(&change.change)).collect();
        items.extend(logged_items(&head, &new, now));
        self.transact(known.as_ref(), &head, items).await
    }

    /// The changes that are not in the log yet. Those of one account come in their order, again and again from
    /// some place on.
    async fn not_logged<'c>(
        &self,
        head: &Head,
        changes: &'c [StreamedChange],
    ) -> Result<Vec<&'c StreamedChange>, StoreError> {
        let key = |change: &StreamedChange| logged_key(&change.change.user);
        let keys: BTreeSet<String> = changes.iter().map(key).collect();
        let mut logged: BTreeMap<String, String> = BTreeMap::new();
        for (key, item) in self.store.get_all(&keys).await? {
            item::check_item(&item, &key)?;
            if text(&item, LOG) == Some(&head.log) {
                logged.extend(text(&item, SEQUENCE).map(|sequence| (key, sequence.to_owned())));
            }
        }
        let mut new = Vec::with_capacity(changes.len());
        for change in changes {
            let latest = logged.entry(key(change)).or_default();
            if change.sequence > *latest {
                latest.clone_from(&change.sequence);
                new.push(change);
            }
        }
        Ok(new)
    }

    /// Writes the items and the head, if the head is still the one that was read.
    async fn transact(
        &self,
        known: Option<&Head>,
        head: &Head,
        items: Vec<Item>,
    ) -> Result<(), StoreError> {
        let table = &self.store.table;
        let head = item::record_item(HEAD_KEY, head)?;
        let head = put(table, head);
        let head = match known {
            None => head
                .condition_expression("attribute_not_exists(#pk)")
                .expression_attribute_names("#pk", item::PK),
            Some(known) => head
                .condition_expression("#log = :log AND #latest = :latest")
                .expression_attribute_names("#log", LOG)
                .expression_attribute_names("#latest", "latest")
                .expression_attribute_values(":log", AttributeValue::S(known.log.clone()))
                .expression_attribute_values(":latest", number(known.latest)),
        };
        let rows = items.into_iter().map(|item| put(table, item));
        let puts: Result<Vec<Put>, BuildError> =
            std::iter::once(head).chain(rows).map(PutBuilder::build).collect();
        let puts = puts.map_err(|error| unavailable(&error))?;
        let puts = puts.into_iter().map(|put| TransactWriteItem::builder().put(put).build());
        let request = self.store.client.transact_write_items();
        let answer = request.set_transact_items(Some(puts.collect())).send().await;
        answer.map(drop).map_err(|error| failed(&error))
    }
}

impl Head {
    /// The head of a log that begins behind another one, or is the first.
    fn new(before: Option<&Self>, stream: &str, now: Timestamp) -> Self {
        let latest = before.map_or(0, |head| head.latest);
        let name = format!("{stream} {} {latest}", now.as_micros());
        let digest = Sha256::digest(name).into_iter().take(NAME_BYTES).collect::<Vec<u8>>();
        Self {
            log: hex::encode(digest),
            stream: stream.to_owned(),
            first: latest + 1,
            latest,
            text: String::new(),
            kept_until: before.map_or(0, |head| head.kept_until),
        }
    }

    /// Goes on behind a change; returns its row.
    fn push(&mut self, change: &Change) -> Item {
        self.latest += 1;
        // Strings, numbers and booleans always have a JSON text.
        self.text = serde_json::to_string(change).unwrap_or_default();
        new_item(
            row_key(self.latest),
            Item::from([
                (LOGGED.to_owned(), AttributeValue::S(self.text.clone())),
                (TTL.to_owned(), number(self.kept_until)),
            ]),
        )
    }
}

/// For each user of these changes the row that says which of them was logged last.
fn logged_items(head: &Head, new: &[&StreamedChange], now: Timestamp) -> Vec<Item> {
    let latest: BTreeMap<&UserId, &str> =
        new.iter().map(|change| (&change.change.user, &*change.sequence)).collect();
    let kept_until = now.plus_days(LOGGED_KEPT_DAYS).as_secs();
    let item = |(user, sequence): (&UserId, &str)| {
        new_item(
            logged_key(user),
            Item::from([
                (LOG.to_owned(), AttributeValue::S(head.log.clone())),
                (SEQUENCE.to_owned(), AttributeValue::S(sequence.to_owned())),
                (TTL.to_owned(), number(kept_until)),
            ]),
        )
    };
    latest.into_iter().map(item).collect()
}

fn logged_key(user: &UserId) -> String {
    format!("{LOGGED_PREFIX}{user}")
}

fn put(table: &str, item: Item) -> PutBuilder {
    Put::builder().table_name(table).set_item(Some(item))
}

/// [`StoreError::Conflict`] where another transaction was faster.
fn failed(error: &SdkError<TransactWriteItemsError>) -> StoreError {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
        error.as_service_error()
    else {
        return unavailable(error);
    };
    let mut codes = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
    if codes.any(|code| matches!(code, "ConditionalCheckFailed" | "TransactionConflict")) {
        return StoreError::Conflict;
    }
    unavailable(error)
}
