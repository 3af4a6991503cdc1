//! The table's stream: committed role changes come in, and those that could not be told are given
//! back, to come again.
//!
//! Of a record only what is needed is read, so that nothing else that stands in it can stop a change.

use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use tierlift_core::change::{Change, DeliveryContext};

use super::{Error, Function};
use crate::store::ChangeRecord;

/// A committed change, as the stream brings it, and the webhook that caused it, if one did.
type News = (Change, Option<DeliveryContext>);

/// A batch of the stream
/// (<https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>).
#[derive(Debug, Deserialize)]
struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Debug, Deserialize)]
struct Record {
    dynamodb: Row,
}

/// What a record says of the item that was written.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    sequence_number: Option<String>,
    new_image: Option<Account>,
}

#[derive(Debug, Deserialize)]
struct Account {
    change: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Text {
    s: Option<String>,
}

/// A stream is read in order: all from the first of these on comes again.
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
    /// Serves the stream until Lambda ends the process. `tell` gets changes in their order, and says
    /// for each whether it is told.
    pub async fn serve_stream<T>(&self, tell: T) -> Result<(), Error>
    where
        T: AsyncFn(Vec<News>) -> Vec<bool>,
    {
        let tell = &tell;
        lambda_runtime::run(service_fn(async move |event: LambdaEvent<Batch>| {
            let response = told(event.payload, tell).await;
            self.flush();
            Ok::<_, Error>(response)
        }))
        .await
    }
}

async fn told(batch: Batch, tell: &impl AsyncFn(Vec<News>) -> Vec<bool>) -> Response {
    let news: Vec<_> = batch.records.iter().map(|record| record.dynamodb.news()).collect();
    let mut told = tell(news.iter().flatten().cloned().collect()).await.into_iter();
    // What cannot be read stays until the event source sets it aside for us to look at.
    let done = news.iter().map(|one| one.is_some() && told.next().unwrap_or(false));
    let failed = batch.records.into_iter().zip(done).filter(|(_, done)| !done);
    // Lambda takes a failure without a number for a failure of all.
    let number = |record: Record| record.dynamodb.sequence_number.unwrap_or_default();
    let failure = |(record, _)| Failure { item_identifier: number(record) };
    Response { batch_item_failures: failed.map(failure).collect() }
}

impl Row {
    /// The change that was committed with the item, if it can be read.
    fn news(&self) -> Option<News> {
        let record = self.sequence_number.as_deref();
        let change = self.new_image.as_ref().and_then(|account| account.change.as_ref());
        let Some(text) = change.and_then(|change| change.s.as_deref()) else {
            tracing::error!(record, "no change in a stream record");
            return None;
        };
        let news = ChangeRecord::parse(text).map(|record| (record.change, record.context));
        if let Err(error) = &news {
            tracing::error!(record, %error, "a change cannot be read");
        }
        news.ok()
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
