//! What a verdict means to the queue, for both backends.

use tierlift_core::ports::{Delivery, Queue, QueueError};

use crate::{Done, Verdict, retry_delay_ms};

/// What became of a settled delivery.
#[derive(Debug, PartialEq, Eq)]
pub enum Settled {
    /// The event is in the ledger. Its message can be deleted by whoever owns the queue.
    Done(Done),
    /// The message is in the dead letters.
    Parked,
    /// The message stays in the queue and holds back its group.
    Retained {
        /// Time until it is redelivered, in milliseconds.
        delay_ms: u64,
    },
}

/// Settles a delivery by its verdict. It deletes nothing: a queue has cheaper ways to do that for many.
///
/// A delivery that cannot be settled is redelivered after its visibility timeout at the latest.
pub async fn settle<Q: Queue>(queue: &Q, delivery: &Delivery, verdict: Verdict) -> Settled {
    match verdict {
        Verdict::Done(done) => Settled::Done(done),
        Verdict::Retry { delay_ms, failure } => {
            log_error(queue.retry(delivery, delay_ms, failure).await);
            Settled::Retained { delay_ms }
        }
        Verdict::Release { delay_ms, .. } | Verdict::Wait { delay_ms } => {
            released(queue, delivery, delay_ms).await
        }
        Verdict::Park(failure) => match queue.park(delivery, failure).await {
            Ok(()) => Settled::Parked,
            // It stays, to be parked the next time.
            Err(error) => {
                log_error(Err(error));
                let event = delivery.message.event.as_str();
                released(queue, delivery, retry_delay_ms(event, delivery.deliveries)).await
            }
        },
    }
}

async fn released<Q: Queue>(queue: &Q, delivery: &Delivery, delay_ms: u64) -> Settled {
    release(queue, std::slice::from_ref(delivery), delay_ms).await;
    Settled::Retained { delay_ms }
}

/// Gives deliveries back to the queue without an attempt.
pub(crate) async fn release<Q: Queue>(queue: &Q, deliveries: &[Delivery], delay_ms: u64) {
    if !deliveries.is_empty() {
        log_error(queue.release(deliveries, delay_ms).await);
    }
}

fn log_error(settled: Result<(), QueueError>) {
    if let Err(error) = settled {
        tracing::error!(%error, "delivery not settled, it is redelivered after its visibility timeout");
    }
}
