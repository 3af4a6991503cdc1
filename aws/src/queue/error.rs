//! Errors of SQS as errors of the port, and their codes.

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use tierlift_core::ports::QueueError;

use crate::sdk::with_sources;

/// The port's error for a failed call. `OverLimit`, the error at 120,000 messages in flight, is one of
/// them: to a receiver the queue is unavailable then, not full.
pub(super) fn unavailable(error: &(dyn std::error::Error + 'static)) -> QueueError {
    QueueError::Unavailable(with_sources(error))
}

/// The code of an error, as [`short_code`] has it; empty if there is none.
pub(super) fn error_code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> &str {
    short_code(error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default())
}

/// A code without the namespace of the query protocol and the suffix of the JSON protocol:
/// `InvalidParameterValue` in both.
pub(super) fn short_code(code: &str) -> &str {
    let code = code.rsplit(['.', '#']).next().unwrap_or(code);
    code.strip_suffix("Exception").unwrap_or(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_same_in_both_protocols() {
        for code in [
            "ReceiptHandleIsInvalid",
            "AWS.SimpleQueueService.ReceiptHandleIsInvalid",
            "com.amazonaws.sqs#ReceiptHandleIsInvalid",
            "ReceiptHandleIsInvalidException",
        ] {
            assert_eq!(short_code(code), "ReceiptHandleIsInvalid", "{code}");
        }
    }
}
