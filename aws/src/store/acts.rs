//! Acts of operators: each is one transaction, of its row of the ledger and of one item that only operators read.

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, Delete, Put, TransactWriteItem},
};
use tierlift_core::{ledger::LedgerEntry, limits::ITEM_BYTES_MAX, ports::StoreError};

use super::{
    Store,
    error::unavailable,
    item::{self, Item},
    size,
};

/// What an act writes beside its row of the ledger.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    /// Puts an item in the place of what is there.
    Put(Item),
    /// Deletes the item with that key, if there is one.
    Delete(String),
}

impl Store {
    /// Writes an act. [`StoreError::Conflict`] if its row is there already.
    pub(crate) async fn act(&self, entry: &LedgerEntry, write: Write) -> Result<(), StoreError> {
        let row = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item::ledger_item(entry)?))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", item::PK)
            .build()
            .map_err(|error| unavailable(&error))?;
        let request = self
            .client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(row).build())
            .transact_items(self.transact(write)?);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) if is_conflict(&error) => Err(StoreError::Conflict),
            Err(error) => Err(unavailable(&error)),
        }
    }

    fn transact(&self, write: Write) -> Result<TransactWriteItem, StoreError> {
        let transact = TransactWriteItem::builder();
        let transact = match write {
            Write::Put(item) => {
                if size::bytes(&item) > ITEM_BYTES_MAX {
                    let message = "it is larger than an item of the table can be";
                    return Err(StoreError::Unavailable(message.into()));
                }
                let put = Put::builder().table_name(&self.table).set_item(Some(item)).build();
                transact.put(put.map_err(|error| unavailable(&error))?)
            }
            Write::Delete(key) => {
                let key = AttributeValue::S(key);
                let delete = Delete::builder().table_name(&self.table).key(item::PK, key);
                transact.delete(delete.build().map_err(|error| unavailable(&error))?)
            }
        };
        Ok(transact.build())
    }
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
