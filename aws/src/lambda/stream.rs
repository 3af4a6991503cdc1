//! The table's stream: committed changes come in, and those that could not be pushed are named in the
//! response, so that Lambda redelivers them.
//!
//! Only the needed fields of a record are read, so that nothing else in it can hold up a change.

use std::time::Duration;

use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use tierlift_core::change::ChangeRecord;

use super::{Error, Function, InvocationError, time_left};

/// Time that is reserved for the end of an invocation. A function that is killed instead forgets what it has pushed.
const RESERVE: Duration = Duration::from_secs(4);

/// A batch of the stream
/// (<https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>).
#[derive(Debug, Deserialize)]
pub(super) struct Batch {
    #[serde(rename = "Records")]
    pub(super) records: Vec<Record>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Record {
    pub(super) dynamodb: Row,
    /// The ARN of the stream.
    #[serde(rename = "eventSourceARN")]
    pub(super) stream: Option<String>,
}

/// The part of a record about the written item.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Row {
    pub(super) sequence_number: Option<String>,
    /// Time of the write, in seconds since the epoch.
    pub(super) approximate_creation_date_time: Option<f64>,
    new_image: Option<Account>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Account {
    change: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Text {
    s: Option<String>,
}

/// The failed records. A stream is read in order: Lambda redelivers everything from the first of them.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

impl Function {
    /// Serves the stream until Lambda ends the process. `push` gets changes in their order, and
    /// returns for each whether it was pushed.
    pub async fn serve_stream<P>(&self, push: P) -> Result<(), Error>
    where
        P: AsyncFn(Vec<ChangeRecord>) -> Vec<bool>,
    {
        let push = &push;
        lambda_runtime::run(service_fn(async move |event: LambdaEvent<Batch>| {
            // Boxed, since the SDK's futures nest deeper than the compiler computes layouts.
            let time = time_left(&event.context, RESERVE);
            let response = Box::pin(push_batch(event.payload, time, push)).await;
            self.flush();
            Ok::<_, InvocationError>(response)
        }))
        .await
        .map_err(Error::Runtime)
    }
}

/// What is not pushed in the time counts as failed.
async fn push_batch(
    batch: Batch,
    time: Duration,
    push: &impl AsyncFn(Vec<ChangeRecord>) -> Vec<bool>,
) -> Response {
    let changes: Vec<_> = batch.records.iter().map(|record| record.dynamodb.change()).collect();
    let unreadable = changes.iter().filter(|change| change.is_none()).count();
    if unreadable > 0 {
        let unreadable = u64::try_from(unreadable).unwrap_or(u64::MAX);
        metrics::counter!("tierlift_notices_total", "result" => "failed").increment(unreadable);
    }
    let pushing = push(changes.iter().flatten().cloned().collect());
    let pushed = tokio::time::timeout(time, pushing).await;
    let mut pushed = pushed.unwrap_or_default().into_iter();
    // An unreadable record would fail again, and hold up its shard for hours: clients have the state from their next sync.
    let done = changes.iter().map(|change| change.is_none() || pushed.next().unwrap_or(false));
    let failed = batch.records.into_iter().zip(done).filter(|(_, done)| !done);
    // Lambda reads a failure without a number as a failure of the whole batch.
    let number = |record: Record| record.dynamodb.sequence_number.unwrap_or_default();
    let failure = |(record, _)| Failure { item_identifier: number(record) };
    Response { batch_item_failures: failed.map(failure).collect() }
}

impl Row {
    /// The change that was committed with the item; `None` where it cannot be read.
    pub(super) fn change(&self) -> Option<ChangeRecord> {
        let record = self.sequence_number.as_deref();
        let attribute = self.new_image.as_ref().and_then(|account| account.change.as_ref());
        let Some(json) = attribute.and_then(|text| text.s.as_deref()) else {
            tracing::error!(record, "stream record without a change");
            return None;
        };
        serde_json::from_str(json)
            .inspect_err(|error| tracing::error!(record, %error, "change unreadable"))
            .ok()
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
