//! Batches of the queue: deliveries come in, and Lambda keeps what is given back.

use std::time::{Duration, Instant};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use lambda_runtime::{LambdaEvent, service_fn};
use tierlift_core::ports::{Delivery, Receipt};

use super::{Error, Function, time_left};
use crate::queue::{Queue, message_id};

/// What is left of an invocation's time for its end: what failed is answered for then, with a record
/// of it, while the services may be slow. A function that is killed instead gives nothing back, and
/// all of its batch comes again.
const RESERVE: Duration = Duration::from_secs(4);

impl Function {
    /// Serves batches until Lambda ends the process. `work` gets the deliveries and how long it may
    /// take, and gives back what stays in the queue; the rest Lambda deletes.
    pub async fn serve_batches<W>(&self, queue: &Queue, work: W) -> Result<(), Error>
    where
        W: AsyncFn(Vec<Delivery>, Duration) -> Vec<Receipt>,
    {
        let work = &work;
        lambda_runtime::run(service_fn(async move |event: LambdaEvent<SqsEvent>| {
            // What is read and set aside here takes from the same time.
            let until = Instant::now() + time_left(&event.context, RESERVE);
            let received = queue.deliveries(event.payload).await;
            let time = until.saturating_duration_since(Instant::now());
            let stays = work(received.deliveries, time).await;
            let kept = stays.iter().map(message_id).map(str::to_owned);
            let response = response(kept.chain(received.retained).collect());
            self.flush();
            Ok::<_, Error>(response)
        }))
        .await
    }
}

fn response(stay: Vec<String>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    for item_identifier in stay {
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = item_identifier;
        response.batch_item_failures.push(failure);
    }
    response
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
