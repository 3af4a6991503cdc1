//! Settles deliveries in batches of ten. Entries that SQS could not execute are retried, within limits.
//! A delivery whose visibility timeout has passed cannot be settled any more: another consumer has the
//! message by then.

use std::time::Duration;

use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
};
use futures_util::future::join_all;
use tierlift_core::{
    limits::{AWS_ATTEMPTS_MAX, AWS_RETRY_DELAY_MS_MIN, SQS_BATCH_MAX, VISIBILITY_SECS_MAX},
    ports::{Delivery, QueueError, Receipt},
};

use super::{
    Queue,
    error::{short_code, unavailable},
    received::id_and_handle,
};

/// How deliveries are settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disposition {
    /// Their messages are deleted.
    Delete,
    /// They stay invisible for this time and are then redelivered.
    RedeliverAfterSecs(i32),
}

impl Queue {
    pub(super) async fn delete_all(&self, receipts: &[Receipt]) -> Result<(), QueueError> {
        let handles: Vec<&str> = receipts.iter().map(|receipt| id_and_handle(receipt).1).collect();
        self.settle(&self.producer.queue_url, Disposition::Delete, &handles).await
    }

    pub(super) async fn redeliver_after(
        &self,
        deliveries: &[Delivery],
        delay_ms: u64,
    ) -> Result<(), QueueError> {
        let receipts = deliveries.iter().map(|delivery| &delivery.receipt);
        let handles: Vec<&str> = receipts.map(|receipt| id_and_handle(receipt).1).collect();
        let disposition = Disposition::RedeliverAfterSecs(whole_secs(delay_ms));
        self.settle(&self.producer.queue_url, disposition, &handles).await
    }

    /// Settles deliveries of a queue. Every batch is sent, even where another one fails.
    pub(super) async fn settle(
        &self,
        queue_url: &str,
        disposition: Disposition,
        handles: &[&str],
    ) -> Result<(), QueueError> {
        let size = usize::try_from(SQS_BATCH_MAX).unwrap_or(1);
        let batches = handles.chunks(size);
        let settled =
            batches.map(|batch| self.settle_batch(queue_url, disposition, batch.to_vec()));
        join_all(settled).await.into_iter().collect()
    }

    async fn settle_batch(
        &self,
        queue_url: &str,
        disposition: Disposition,
        mut handles: Vec<&str>,
    ) -> Result<(), QueueError> {
        let mut delay = Duration::from_millis(AWS_RETRY_DELAY_MS_MIN);
        let mut failed = Vec::new();
        for attempt in 1..=AWS_ATTEMPTS_MAX {
            failed = match disposition {
                Disposition::Delete => self.delete_batch(queue_url, &handles).await?,
                Disposition::RedeliverAfterSecs(secs) => {
                    self.change_visibility_batch(queue_url, &handles, secs).await?
                }
            };
            failed.retain(|entry| !is_too_late(entry));
            handles = failed_handles(&handles, &failed);
            if handles.is_empty() {
                return Ok(());
            }
            if attempt < AWS_ATTEMPTS_MAX {
                tokio::time::sleep(delay).await;
                delay *= 2;
            }
        }
        let codes: Vec<&str> = failed.iter().map(BatchResultErrorEntry::code).collect();
        Err(QueueError::Unavailable(
            format!("SQS did not execute {disposition:?}: {codes:?}").into(),
        ))
    }

    async fn delete_batch(
        &self,
        queue_url: &str,
        handles: &[&str],
    ) -> Result<Vec<BatchResultErrorEntry>, QueueError> {
        let entries = handles.iter().enumerate().map(|(index, handle)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string());
            entry.receipt_handle(*handle).build()
        });
        let entries = entries.collect::<Result<_, _>>().map_err(|error| unavailable(&error))?;
        let request = self.producer.sqs.delete_message_batch().queue_url(queue_url);
        let output = request.set_entries(Some(entries)).send().await;
        Ok(output.map_err(|error| unavailable(&error))?.failed)
    }

    async fn change_visibility_batch(
        &self,
        queue_url: &str,
        handles: &[&str],
        secs: i32,
    ) -> Result<Vec<BatchResultErrorEntry>, QueueError> {
        let entries = handles.iter().enumerate().map(|(index, handle)| {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(index.to_string());
            entry.receipt_handle(*handle).visibility_timeout(secs).build()
        });
        let entries = entries.collect::<Result<_, _>>().map_err(|error| unavailable(&error))?;
        let request = self.producer.sqs.change_message_visibility_batch().queue_url(queue_url);
        let output = request.set_entries(Some(entries)).send().await;
        Ok(output.map_err(|error| unavailable(&error))?.failed)
    }
}

/// A delay in whole seconds, rounded up, so that no message is redelivered too early.
fn whole_secs(delay_ms: u64) -> i32 {
    i32::try_from(delay_ms.div_ceil(1_000).min(VISIBILITY_SECS_MAX)).unwrap_or(i32::MAX)
}

/// Whether an entry failed because its visibility timeout has passed. A FIFO queue reports that with
/// one of these codes.
fn is_too_late(entry: &BatchResultErrorEntry) -> bool {
    let too_late = matches!(
        short_code(entry.code()),
        "ReceiptHandleIsInvalid" | "InvalidParameterValue" | "MessageNotInflight"
    );
    if too_late {
        tracing::debug!(code = entry.code(), "delivery settled too late");
    }
    too_late
}

/// The handles of the failed entries. An entry's id is the index of its handle.
fn failed_handles<'a>(handles: &[&'a str], failed: &[BatchResultErrorEntry]) -> Vec<&'a str> {
    let indices = failed.iter().filter_map(|entry| entry.id().parse::<usize>().ok());
    indices.filter_map(|index| handles.get(index).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_rounded_up_to_whole_seconds_within_the_limit() {
        for (delay_ms, expected) in
            [(0, 0), (1, 1), (1_000, 1), (1_001, 2), (43_200_000, 43_200), (u64::MAX, 43_200)]
        {
            assert_eq!(whole_secs(delay_ms), expected, "{delay_ms}");
        }
    }
}
