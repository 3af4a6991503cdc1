//! Batches of the queue: deliveries come in, and Lambda keeps the messages that are named in the
//! response.

use std::time::{Duration, Instant};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use lambda_runtime::{LambdaEvent, service_fn};
use tierlift_core::ports::{Delivery, Receipt};

use super::{Error, Function, InvocationError, time_left};
use crate::queue::{Queue, message_id};

/// Time reserved for the end of an invocation: failed deliveries are settled and recorded in it, while
/// the services may be slow. A function that is killed instead reports nothing, and its whole batch is
/// redelivered.
const RESERVE: Duration = Duration::from_secs(4);

impl Function {
    /// Serves batches until Lambda ends the process. `work` gets the deliveries and the time that it
    /// may take, and returns the receipts of what stays in the queue; Lambda deletes the rest.
    pub async fn serve_batches<W>(&self, queue: &Queue, work: W) -> Result<(), Error>
    where
        W: AsyncFn(Vec<Delivery>, Duration) -> Vec<Receipt>,
    {
        let work = &work;
        lambda_runtime::run(service_fn(async move |event: LambdaEvent<SqsEvent>| {
            let response = self.batch(queue, work, event).await;
            Ok::<_, InvocationError>(response)
        }))
        .await
        .map_err(Error::Runtime)
    }

    /// Does the work of one batch.
    pub(super) async fn batch<W>(
        &self,
        queue: &Queue,
        work: &W,
        event: LambdaEvent<SqsEvent>,
    ) -> SqsBatchResponse
    where
        W: AsyncFn(Vec<Delivery>, Duration) -> Vec<Receipt>,
    {
        // Reading and parking take from the same time.
        let deadline = Instant::now() + time_left(&event.context, RESERVE);
        let received = queue.deliveries(event.payload).await;
        let time = deadline.saturating_duration_since(Instant::now());
        // Boxed, since the SDK's futures nest deeper than the compiler computes layouts.
        let retained = Box::pin(work(received.deliveries, time)).await;
        let retained = retained.iter().map(message_id).map(str::to_owned);
        let response = response(retained.chain(received.retained).collect());
        self.flush();
        response
    }
}

/// The response that names the messages that stay in the queue.
pub(super) fn response(retained: Vec<String>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    for item_identifier in retained {
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = item_identifier;
        response.batch_item_failures.push(failure);
    }
    response
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
