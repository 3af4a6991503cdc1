//! Errors of DynamoDB as errors of the port. The refusal of a transaction is classified per item.

use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata, SdkError},
    operation::transact_write_items::TransactWriteItemsError,
    types::{CancellationReason, error::TransactionCanceledException},
};
use tierlift_core::{codes::Code, id::EventId, ports::StoreError};

use super::item::{self, Item, ItemKind};
use crate::sdk::with_sources;

/// The port's error for a failed call.
pub(super) fn unavailable(error: &dyn std::error::Error) -> StoreError {
    StoreError::Unavailable(with_sources(error))
}

/// Whether an earlier attempt of the same transaction is still in progress.
pub(super) fn is_in_progress(error: &SdkError<TransactWriteItemsError>) -> bool {
    error
        .as_service_error()
        .is_some_and(TransactWriteItemsError::is_transaction_in_progress_exception)
}

/// The port's error for a failed transaction. `items` are the kinds and sizes of its items, in order.
pub(super) fn from_transaction(
    error: &SdkError<TransactWriteItemsError>,
    event: &EventId,
    items: &[(ItemKind, usize)],
) -> StoreError {
    let Some(error) = error.as_service_error() else { return unavailable(error) };
    if let TransactWriteItemsError::TransactionCanceledException(cancelled) = error {
        return from_cancellation(cancelled, event, items);
    }
    // The whole request was refused, and the error names no item: the largest one is the one that may
    // be too large.
    let largest = items.iter().max_by_key(|(_, bytes)| bytes).map(|(kind, _)| *kind);
    match largest.and_then(|kind| too_large(kind, error.code(), error.message())) {
        Some(cause) => StoreError::TooLarge(cause),
        None => unavailable(error),
    }
}

/// Each item has its reason, in the order of the items. If there are several, the most certain one
/// counts: an event that was processed before stays processed, and a decision on old versions has to
/// be made again whatever else is wrong.
fn from_cancellation(
    cancelled: &TransactionCanceledException,
    event: &EventId,
    items: &[(ItemKind, usize)],
) -> StoreError {
    let reasons = cancelled.cancellation_reasons();
    if reasons.len() != items.len() {
        return unavailable(cancelled);
    }
    let errors = items.iter().zip(reasons);
    errors
        .filter_map(|((kind, _), reason)| from_reason(*kind, reason, event))
        .min_by_key(|error| match error {
            StoreError::Duplicate => 0,
            StoreError::Conflict => 1,
            StoreError::TooLarge(_) => 2,
            StoreError::Corrupt(_) | StoreError::Unavailable(_) => 3,
        })
        .unwrap_or_else(|| unavailable(cancelled))
}

/// The codes are listed at
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>.
fn from_reason(kind: ItemKind, reason: &CancellationReason, event: &EventId) -> Option<StoreError> {
    let code = reason.code().filter(|code| *code != "None")?;
    let error = match (code, kind) {
        ("ConditionalCheckFailed", ItemKind::Ledger) => from_existing(event, reason.item()),
        (
            "ConditionalCheckFailed",
            ItemKind::Customer | ItemKind::Payment | ItemKind::Invoice | ItemKind::Account,
        )
        | ("TransactionConflict", _) => StoreError::Conflict,
        _ => match too_large(kind, Some(code), reason.message()) {
            Some(cause) => StoreError::TooLarge(cause),
            None => other(kind, code, reason.message()),
        },
    };
    Some(error)
}

/// An item exists under the event's key. Only the event's own ledger row means that the event was
/// processed. If DynamoDB does not return the item, the next load reads it.
fn from_existing(event: &EventId, existing: Option<&Item>) -> StoreError {
    match existing.map(|item| item::parse_ledger(item.clone(), event)) {
        Some(Ok(_)) => StoreError::Duplicate,
        Some(Err(error)) => error.into(),
        None => StoreError::Conflict,
    }
}

/// The cause where an item is too large. Neither API has an error code for that, so its message is
/// compared.
fn too_large(kind: ItemKind, code: Option<&str>, message: Option<&str>) -> Option<Code> {
    let is_invalid = matches!(code, Some("ValidationError" | "ValidationException"));
    let is_size = message.is_some_and(|message| message.starts_with("Item size"));
    (is_invalid && is_size).then(|| kind.too_large_cause()).flatten()
}

fn other(kind: ItemKind, code: &str, message: Option<&str>) -> StoreError {
    let message = message.unwrap_or("no message");
    StoreError::Unavailable(format!("{code} ({kind:?}): {message}").into())
}
