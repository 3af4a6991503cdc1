//! Acts of operators: each is one transaction, of its row of the ledger and of one item that only operators read.

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, Put, TransactWriteItem},
};
use tierlift_core::{
    id::EventId, ledger::LedgerEntry, limits::ITEM_BYTES_MAX, ports::StoreError, time::Timestamp,
};

use super::{
    Store,
    error::unavailable,
    item::{self, Item},
    size,
};

/// The attribute of an item that was cleared.
const CLEARED: &str = "cleared";

/// What an act writes beside its row of the ledger.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    /// Puts an item in the place of what is there.
    Put(Item),
    /// Clears the item with that key: nothing but the key is left of it, until DynamoDB deletes it. So nobody who acts
    /// needs the right to delete anything.
    Clear(String),
}

impl Store {
    /// Writes an act. [`StoreError::Conflict`] if its row is there already.
    pub(crate) async fn act(&self, entry: &LedgerEntry, write: Write) -> Result<(), StoreError> {
        let request = self
            .client
            .transact_write_items()
            .transact_items(self.row(entry)?)
            .transact_items(self.transact(write, entry)?);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) if is_conflict(&error) => Err(StoreError::Conflict),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// Writes an act that changes nothing else in the table. [`StoreError::Conflict`] if its row is there already.
    pub(crate) async fn note_act(&self, entry: &LedgerEntry) -> Result<(), StoreError> {
        let request = self.client.transact_write_items().transact_items(self.row(entry)?);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) if is_conflict(&error) => Err(StoreError::Conflict),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// Clears an item.
    pub(crate) async fn clear(&self, key: String, now: Timestamp) -> Result<(), StoreError> {
        let request = self.client.put_item().table_name(&self.table);
        let item = cleared(key, now);
        request.set_item(Some(item)).send().await.map_err(|error| unavailable(&error))?;
        Ok(())
    }

    /// Puts a row of the ledger in the place of the one of an event. If it has another event, that one is cleared.
    pub(crate) async fn replace_row(
        &self,
        event: &EventId,
        row: &LedgerEntry,
    ) -> Result<(), StoreError> {
        let new = self.transact(Write::Put(item::ledger_item(row)?), row)?;
        let mut request = self.client.transact_write_items().transact_items(new);
        if row.event != *event {
            let old = Write::Clear(item::ledger_key(event));
            request = request.transact_items(self.transact(old, row)?);
        }
        request.send().await.map_err(|error| unavailable(&error))?;
        Ok(())
    }

    /// The item with that key, unless it was cleared.
    pub(crate) async fn get_uncleared(&self, key: String) -> Result<Option<Item>, StoreError> {
        Ok(self.get(key).await?.filter(is_uncleared))
    }

    /// The new row of an act.
    fn row(&self, entry: &LedgerEntry) -> Result<TransactWriteItem, StoreError> {
        let row = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item::ledger_item(entry)?))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", item::PK)
            .build()
            .map_err(|error| unavailable(&error))?;
        Ok(TransactWriteItem::builder().put(row).build())
    }

    fn transact(&self, write: Write, by: &LedgerEntry) -> Result<TransactWriteItem, StoreError> {
        let item = match write {
            Write::Put(item) => item,
            Write::Clear(key) => cleared(key, by.processed_at),
        };
        if size::bytes(&item) > ITEM_BYTES_MAX {
            let message = "it is larger than an item of the table can be";
            return Err(StoreError::Unavailable(message.into()));
        }
        let put = Put::builder().table_name(&self.table).set_item(Some(item)).build();
        let put = put.map_err(|error| unavailable(&error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

/// Whether an item was not cleared.
pub(crate) fn is_uncleared(item: &Item) -> bool {
    !item.contains_key(CLEARED)
}

/// An item of which nothing but the key is left.
fn cleared(key: String, at: Timestamp) -> Item {
    let attributes = Item::from([
        (CLEARED.to_owned(), AttributeValue::Bool(true)),
        (item::TTL.to_owned(), item::number(at.as_secs())),
    ]);
    item::new_item(key, attributes)
}

/// Whether a condition failed, and not the table.
fn is_conflict(error: &SdkError<TransactWriteItemsError>) -> bool {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
        error.as_service_error()
    else {
        return false;
    };
    let mut codes = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
    codes.any(|code| matches!(code, "ConditionalCheckFailed" | "TransactionConflict"))
}
