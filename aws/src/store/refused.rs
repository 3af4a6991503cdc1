//! Why DynamoDB refused a transaction, told apart item by item.

use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata, SdkError},
    operation::transact_write_items::TransactWriteItemsError,
    types::{CancellationReason, error::TransactionCanceledException},
};
use tierlift_core::{codes::Code, id::EventId, ports::StoreError};

use super::{
    commit::Place,
    item::{self, Item},
    unavailable,
};

/// What it came to. `parts` are the items that were sent, in their order.
pub(super) fn reading(
    error: &SdkError<TransactWriteItemsError>,
    event: &EventId,
    parts: &[(Place, usize)],
) -> StoreError {
    let Some(error) = error.as_service_error() else { return unavailable(error) };
    if let TransactWriteItemsError::TransactionCanceledException(cancelled) = error {
        return of_cancelled(cancelled, event, parts);
    }
    // Refused before it was a transaction, without a word of which item it was.
    let largest = parts.iter().max_by_key(|(_, bytes)| bytes).map(|(place, _)| *place);
    match largest.and_then(|place| too_large(place, error.code(), error.message())) {
        Some(cause) => StoreError::TooLarge(cause),
        None => unavailable(error),
    }
}

/// Each item has its reason, at its own place. Of several the one counts that is most certain: an
/// event that was processed before stays so; a decision on old versions is made anew whatever else
/// is the matter.
fn of_cancelled(
    cancelled: &TransactionCanceledException,
    event: &EventId,
    parts: &[(Place, usize)],
) -> StoreError {
    let reasons = cancelled.cancellation_reasons();
    if reasons.len() != parts.len() {
        return unavailable(cancelled);
    }
    let told = parts.iter().zip(reasons);
    told.filter_map(|((place, _), reason)| of_reason(*place, reason, event))
        .min_by_key(|refusal| match refusal {
            StoreError::Duplicate => 0,
            StoreError::Conflict => 1,
            StoreError::TooLarge(_) => 2,
            StoreError::Corrupt(_) | StoreError::Unavailable(_) => 3,
        })
        .unwrap_or_else(|| unavailable(cancelled))
}

/// The codes are those of
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>.
fn of_reason(place: Place, reason: &CancellationReason, event: &EventId) -> Option<StoreError> {
    let code = reason.code().filter(|code| *code != "None")?;
    let refusal = match (code, place) {
        ("ConditionalCheckFailed", Place::Ledger) => processed(event, reason.item()),
        ("ConditionalCheckFailed", Place::Customer | Place::Account)
        | ("TransactionConflict", _) => StoreError::Conflict,
        _ => match too_large(place, Some(code), reason.message()) {
            Some(cause) => StoreError::TooLarge(cause),
            None => other(place, code, reason.message()),
        },
    };
    Some(refusal)
}

/// Something is under the event's key already: its own ledger row, or nothing that may be taken for
/// it. Where DynamoDB does not show it, the next load does.
fn processed(event: &EventId, known: Option<&Item>) -> StoreError {
    match known.map(|item| item::to_ledger(item.clone(), event)) {
        Some(Ok(_)) => StoreError::Duplicate,
        Some(Err(error)) => error.into(),
        None => StoreError::Conflict,
    }
}

/// The cause where the words are those of an item above the limit. Neither code has a reason of its
/// own for that.
fn too_large(place: Place, code: Option<&str>, message: Option<&str>) -> Option<Code> {
    let invalid = matches!(code, Some("ValidationError" | "ValidationException"));
    let size = message.is_some_and(|message| message.starts_with("Item size"));
    (invalid && size).then(|| place.too_large()).flatten()
}

fn other(place: Place, code: &str, message: Option<&str>) -> StoreError {
    let message = message.unwrap_or("no message");
    StoreError::Unavailable(format!("{code} ({place:?}): {message}").into())
}
