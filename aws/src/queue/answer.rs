//! Answering for deliveries, in tens. What SQS could not do of a batch is asked for again, within
//! bounds. An answer that comes too late is none: somebody else has the message by then.

use std::time::Duration;

use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
};
use futures_util::future::join_all;
use tierlift_core::{
    limits::{AWS_ATTEMPTS_MAX, SQS_BATCH_MAX, VISIBILITY_SECS_MAX},
    ports::{Delivery, QueueError, Receipt},
};

use super::{Queue, bare, raw::parts, unavailable};

/// How long SQS is left alone before what it could not do is asked for again; doubles each time.
const AGAIN_DELAY: Duration = Duration::from_millis(50);

/// What is said of deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// They are done.
    Delete,
    /// They come again after so many seconds.
    HideSecs(i32),
}

impl Queue {
    pub(super) async fn deleted(&self, receipts: &[Receipt]) -> Result<(), QueueError> {
        let handles: Vec<&str> = receipts.iter().map(|receipt| parts(receipt).1).collect();
        self.answer(&self.producer.url, Answer::Delete, &handles).await
    }

    /// Deliveries come again after that time.
    pub(super) async fn hidden(
        &self,
        deliveries: &[Delivery],
        delay_ms: u64,
    ) -> Result<(), QueueError> {
        let handles: Vec<&str> = deliveries.iter().map(|out| parts(&out.receipt).1).collect();
        self.answer(&self.producer.url, Answer::HideSecs(secs(delay_ms)), &handles).await
    }

    /// Deliveries that nobody tried are no attempts.
    pub(super) async fn uncounted(&self, deliveries: &[Delivery]) {
        let now = self.clock.now();
        join_all(deliveries.iter().map(|out| {
            let (id, handle) = parts(&out.receipt);
            self.failures.released(id, handle, now)
        }))
        .await;
    }

    /// All tens are answered for, whatever becomes of one of them.
    pub(super) async fn answer(
        &self,
        url: &str,
        answer: Answer,
        handles: &[&str],
    ) -> Result<(), QueueError> {
        let size = usize::try_from(SQS_BATCH_MAX).unwrap_or(1);
        let tens = handles.chunks(size).map(|ten| self.answer_ten(url, answer, ten.to_vec()));
        join_all(tens).await.into_iter().collect()
    }

    async fn answer_ten(
        &self,
        url: &str,
        answer: Answer,
        mut handles: Vec<&str>,
    ) -> Result<(), QueueError> {
        let (mut delay, mut failed) = (AGAIN_DELAY, Vec::new());
        for attempt in 1..=AWS_ATTEMPTS_MAX {
            failed = match answer {
                Answer::Delete => self.delete_ten(url, &handles).await?,
                Answer::HideSecs(secs) => self.hide_ten(url, &handles, secs).await?,
            };
            failed.retain(|entry| !is_late(entry));
            handles = left(&handles, &failed);
            if handles.is_empty() {
                return Ok(());
            }
            if attempt < AWS_ATTEMPTS_MAX {
                tokio::time::sleep(delay).await;
                delay *= 2;
            }
        }
        let codes: Vec<&str> = failed.iter().map(BatchResultErrorEntry::code).collect();
        Err(QueueError::Unavailable(format!("SQS did not do {answer:?}: {codes:?}").into()))
    }

    async fn delete_ten(
        &self,
        url: &str,
        handles: &[&str],
    ) -> Result<Vec<BatchResultErrorEntry>, QueueError> {
        let entries = handles.iter().enumerate().map(|(place, handle)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(place.to_string());
            entry.receipt_handle(*handle).build()
        });
        let entries = entries.collect::<Result<_, _>>().map_err(|error| unavailable(&error))?;
        let request = self.producer.sqs.delete_message_batch().queue_url(url);
        let done = request.set_entries(Some(entries)).send().await;
        Ok(done.map_err(|error| unavailable(&error))?.failed)
    }

    async fn hide_ten(
        &self,
        url: &str,
        handles: &[&str],
        secs: i32,
    ) -> Result<Vec<BatchResultErrorEntry>, QueueError> {
        let entries = handles.iter().enumerate().map(|(place, handle)| {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(place.to_string());
            entry.receipt_handle(*handle).visibility_timeout(secs).build()
        });
        let entries = entries.collect::<Result<_, _>>().map_err(|error| unavailable(&error))?;
        let request = self.producer.sqs.change_message_visibility_batch().queue_url(url);
        let done = request.set_entries(Some(entries)).send().await;
        Ok(done.map_err(|error| unavailable(&error))?.failed)
    }
}

/// Rounded up: a message must not come before its time.
fn secs(delay_ms: u64) -> i32 {
    i32::try_from(delay_ms.div_ceil(1_000).min(VISIBILITY_SECS_MAX)).unwrap_or(i32::MAX)
}

/// A FIFO queue refuses handles whose visibility timeout is over, in one of these words.
fn is_late(entry: &BatchResultErrorEntry) -> bool {
    let late = matches!(
        bare(entry.code()),
        "ReceiptHandleIsInvalid" | "InvalidParameterValue" | "MessageNotInflight"
    );
    if late {
        tracing::debug!(code = entry.code(), "an answer came too late");
    }
    late
}

/// The handles that failed, by their places.
fn left<'a>(handles: &[&'a str], failed: &[BatchResultErrorEntry]) -> Vec<&'a str> {
    let places = failed.iter().filter_map(|entry| entry.id().parse::<usize>().ok());
    places.filter_map(|place| handles.get(place).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_rounded_up_to_what_sqs_can_do() {
        for (delay_ms, expected) in
            [(0, 0), (1, 1), (1_000, 1), (1_001, 2), (43_200_000, 43_200), (u64::MAX, 43_200)]
        {
            assert_eq!(secs(delay_ms), expected, "{delay_ms}");
        }
    }
}
