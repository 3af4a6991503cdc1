//! Batches of a queue whose messages are events of a partner as `EventBridge` brings them. Lambda keeps the messages
//! that are named in the response. A batch of which nothing was accepted fails, since Lambda counts only that.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use bytes::Bytes;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Error, Function, InvocationError, batch::response};

/// `EventBridge`'s envelope of an event
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events.html>). What the partner sent is its
/// `detail`, as it is.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    detail: &'a RawValue,
}

impl Function {
    /// Serves batches until Lambda ends the process. `accept` gets what the partner sent, one event after another;
    /// what it does not accept stays in the queue.
    pub async fn serve_partner_events<W, E>(&self, accept: W) -> Result<(), Error>
    where
        W: AsyncFn(Bytes) -> Result<(), E>,
    {
        let accept = &accept;
        lambda_runtime::run(service_fn(async move |event: LambdaEvent<SqsEvent>| {
            // Boxed, since the SDK's futures nest deeper than the compiler computes layouts.
            let count = event.payload.records.len();
            let retained = Box::pin(retained(event.payload.records, accept)).await;
            self.flush();
            outcome(count, retained)
        }))
        .await
        .map_err(Error::Runtime)
    }
}

/// The response about a number of messages, some of which stay in the queue.
fn outcome(count: usize, retained: Vec<String>) -> Result<SqsBatchResponse, InvocationError> {
    if count > 0 && retained.len() == count {
        return Err("none of the events was accepted".into());
    }
    Ok(response(retained))
}

/// The ids of the messages that were not accepted.
async fn retained<W, E>(messages: Vec<SqsMessage>, accept: &W) -> Vec<String>
where
    W: AsyncFn(Bytes) -> Result<(), E>,
{
    let mut retained = Vec::new();
    for message in messages {
        let body = message.body.unwrap_or_default();
        let is_accepted = match serde_json::from_str::<Envelope<'_>>(&body) {
            Ok(Envelope { detail }) => accept(detail.get().to_owned().into()).await.is_ok(),
            Err(error) => {
                tracing::error!(%error, "message is not an event of EventBridge");
                false
            }
        };
        if !is_accepted {
            retained.extend(message.message_id);
        }
    }
    retained
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::lambda::events;

    #[tokio::test]
    async fn what_is_not_accepted_stays_in_the_queue() {
        for json in events::read(include_str!("events/partner.json")) {
            let event: SqsEvent = serde_json::from_str(&json).unwrap();
            let seen = RefCell::new(Vec::new());
            let accept = async |body: Bytes| {
                seen.borrow_mut().push(body.clone());
                if body.starts_with(b"{ \"id\": \"evt_1\"") { Ok(()) } else { Err(()) }
            };
            let retained = retained(event.records, &accept).await;
            let refused =
                ["2e1424d4-f796-459a-8184-9c92662be6da", "84a11aa4-f7c3-4b88-b0a1-9c01eb5f8c0b"];
            assert_eq!(retained, refused);
            let named = outcome(3, retained.clone()).unwrap().batch_item_failures;
            assert_eq!(named.len(), 2);
            assert!(outcome(2, retained).is_err() && outcome(0, Vec::new()).is_ok());
            // The second is no event of EventBridge, and what the third brings is none of Stripe.
            assert_eq!(seen.into_inner().len(), 2);
        }
    }
}
