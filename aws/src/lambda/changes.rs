//! The table's stream for the log of changes: a batch is redelivered as a whole until all of it is logged.
//!
//! What cannot be read cannot be logged, and the stream may have lost what is too old. The batch is incomplete then, so
//! that nobody takes the log for complete.

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::json;
use tierlift_core::{limits::STREAM_COMPLETE_SECS, ports::StoreError, time::Timestamp};

use super::{
    Error, Function, InvocationError,
    stream::{Batch, Record},
};
use crate::store::{StreamBatch, StreamedChange};

/// Digits of a place in a stream (`SequenceNumber`), at most
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html>).
const SEQUENCE_DIGITS_MAX: usize = 40;

impl Function {
    /// Serves the stream until Lambda ends the process. `append` logs a batch.
    pub async fn serve_changes<A>(&self, append: A) -> Result<(), Error>
    where
        A: AsyncFn(StreamBatch) -> Result<(), StoreError>,
    {
        let append = &append;
        lambda_runtime::run(service_fn(async move |event: LambdaEvent<Batch>| {
            // Boxed, since the SDK's futures nest deeper than the compiler computes layouts.
            let appended = Box::pin(append(batch_at(event.payload, self.clock.now()))).await;
            self.flush();
            appended
                .inspect_err(|error| tracing::error!(%error, "changes not logged"))
                .map(|()| json!({ "batchItemFailures": [] }))
                .map_err(InvocationError::from)
        }))
        .await
        .map_err(Error::Runtime)
    }
}

/// A batch that comes at that time.
fn batch_at(batch: Batch, now: Timestamp) -> StreamBatch {
    let complete_from = now.plus_secs(-STREAM_COMPLETE_SECS);
    let stream = batch.records.first().and_then(|record| record.stream.clone());
    let mut this =
        StreamBatch { stream: stream.unwrap_or_default(), changes: Vec::new(), is_complete: true };
    for record in batch.records {
        let written_at = record.dynamodb.approximate_creation_date_time;
        #[expect(clippy::cast_possible_truncation, reason = "a time in seconds")]
        let written_at = written_at.map(|secs| Timestamp::from_secs(secs as i64));
        this.is_complete &= written_at.is_none_or(|at| at >= complete_from);
        match streamed(&record) {
            Some(change) => this.changes.push(change),
            None => this.is_complete = false,
        }
    }
    this
}

fn streamed(record: &Record) -> Option<StreamedChange> {
    let number = record.dynamodb.sequence_number.as_deref()?;
    let change = record.dynamodb.change()?.change;
    // As texts of one length, numbers are in their order.
    Some(StreamedChange { sequence: format!("{number:0>SEQUENCE_DIGITS_MAX$}"), change })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const STREAM: &str = include_str!("events/stream.json");
    /// The second record is of this second.
    const WRITTEN_AT: Timestamp = Timestamp::from_secs(1_795_000_001);

    fn read(event: &Value, at: Timestamp) -> StreamBatch {
        batch_at(serde_json::from_value(event.clone()).unwrap(), at)
    }

    #[test]
    fn a_batch_has_its_stream_and_each_change_its_place() {
        let batch = read(&serde_json::from_str(STREAM).unwrap(), WRITTEN_AT);
        assert!(batch.stream.ends_with("/stream/2026-11-18T11:00:00.000") && batch.is_complete);
        let places: Vec<_> = batch
            .changes
            .iter()
            .map(|it| (it.sequence.trim_start_matches('0'), it.change.event.as_str()))
            .collect();
        let expected = [("400000000000000499660", "evt_1"), ("400000000000000499661", "evt_2")];
        assert_eq!(places, expected);
        assert!(batch.changes.iter().all(|it| it.sequence.len() == SEQUENCE_DIGITS_MAX));
    }

    #[test]
    fn what_is_unreadable_or_too_old_leaves_the_batch_incomplete() {
        let event: Value = serde_json::from_str(STREAM).unwrap();
        for (pointer, wrong, readable) in [
            ("/Records/0/dynamodb/NewImage/change/S", json!("{}"), 1),
            ("/Records/0/dynamodb/NewImage", json!(null), 1),
            ("/Records/0/dynamodb/SequenceNumber", json!(null), 1),
        ] {
            let mut event = event.clone();
            *event.pointer_mut(pointer).unwrap() = wrong;
            let batch = read(&event, WRITTEN_AT);
            assert_eq!((batch.changes.len(), batch.is_complete), (readable, false), "{pointer}");
        }
        for (secs, is_complete) in [(-1, true), (0, false)] {
            let batch = read(&event, WRITTEN_AT.plus_secs(STREAM_COMPLETE_SECS + secs));
            assert_eq!((batch.changes.len(), batch.is_complete), (2, is_complete), "{secs}");
        }
    }
}
