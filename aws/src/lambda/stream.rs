//! The table's stream: committed role changes come in, and those that could not be told are given
//! back, to come again.

use aws_lambda_events::dynamodb::{Event, EventRecord};
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Serialize;
use tierlift_core::decide::{Change, Origin};

use super::{Error, Function};
use crate::store::change_of;

/// A committed change, as the stream brings it, and the webhook that caused it, if one did.
type News = (Change, Option<Origin>);

/// A stream is read in order: all from the first of these on comes again.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
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
        lambda_runtime::run(service_fn(async move |event: LambdaEvent<Event>| {
            let (records, news): (Vec<_>, Vec<_>) = event
                .payload
                .records
                .into_iter()
                .map(|record| (number(&record), news(record)))
                .unzip();
            let readable = news.iter().flatten().cloned().collect();
            let mut told = tell(readable).await.into_iter();
            // What cannot be read stays until the event source sets it aside for us to look at.
            let done = news.iter().map(|one| one.is_some() && told.next().unwrap_or(false));
            let failed = records.into_iter().zip(done).filter(|(_, done)| !done);
            let failures = failed.map(|(number, _)| Failure { item_identifier: number }).collect();
            self.flush();
            Ok::<_, Error>(Response { batch_item_failures: failures })
        }))
        .await
    }
}

fn number(record: &EventRecord) -> String {
    record.change.sequence_number.clone().unwrap_or_default()
}

fn news(record: EventRecord) -> Option<News> {
    let attribute = record.change.new_image.into_inner().remove("change");
    let Some(serde_dynamo::AttributeValue::S(text)) = attribute else {
        tracing::error!(record = record.event_id, "no change in a stream record");
        return None;
    };
    match change_of(&text) {
        Ok(news) => Some(news),
        Err(why) => {
            tracing::error!(record = record.event_id, error = %why, "a change cannot be read");
            None
        }
    }
}
