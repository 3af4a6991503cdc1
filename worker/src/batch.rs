//! The rules of a batch: groups side by side, each in its order; what fails holds back its own
//! group and no other.
//!
//! The queue's owner (Lambda) deletes what the batch does not give back. So nothing is forgotten by
//! accident: a message leaves the queue only if it is in the ledger or in the dead letters.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use tierlift_core::{
    cause::{Cause, Failure},
    limits::RETRY_DELAY_MIN_MS,
    policy::Policy,
    ports::{Delivery, Queue, QueueError, Receipt, Store},
    time::Clock,
};
use tokio::time::{Instant, timeout_at};

use crate::{Verdict, after_failure, attempt, record};

/// What it takes to work on batches.
#[derive(Debug)]
pub struct Worker<Q, S> {
    /// Where failures are answered for.
    pub queue: Q,
    /// Where decisions are committed.
    pub store: S,
    /// What they follow.
    pub policy: Arc<Policy>,
    /// What time it is.
    pub clock: Clock,
}

/// A message stays in the queue, and its group with it for so many milliseconds.
struct Stays {
    delay_ms: u64,
}

impl<Q: Queue, S: Store> Worker<Q, S> {
    /// Works on a batch for at most that long; gives back what stays in the queue.
    pub async fn batch(&self, deliveries: Vec<Delivery>, time: Duration) -> Vec<Receipt> {
        let until = Instant::now() + time;
        let groups = in_groups(deliveries);
        let stay = join_all(groups.iter().map(|group| self.group(group, until))).await;
        stay.into_iter().flatten().collect()
    }

    /// One after another, until one stays; then the rest stays behind it.
    async fn group(&self, group: &[Delivery], until: Instant) -> Vec<Receipt> {
        for (place, delivery) in group.iter().enumerate() {
            let Err(Stays { delay_ms }) = self.one(delivery, until).await else { continue };
            let rest = group.get(place + 1..).unwrap_or_default();
            self.put_back(rest, delay_ms).await;
            return [delivery].into_iter().chain(rest).map(|stays| stays.receipt.clone()).collect();
        }
        Vec::new()
    }

    async fn one(&self, delivery: &Delivery, until: Instant) -> Result<(), Stays> {
        if Instant::now() >= until {
            let stays = Stays { delay_ms: 0 };
            self.put_back(std::slice::from_ref(delivery), stays.delay_ms).await;
            return Err(stays);
        }
        let attempted = attempt(&self.store, &self.policy, delivery, &self.clock);
        match timeout_at(until, attempted).await.unwrap_or_else(|_| self.out_of_time(delivery)) {
            Verdict::Done(_) => Ok(()),
            Verdict::Retry { delay_ms, failure } => {
                log_unanswered(self.queue.retry(delivery, delay_ms, failure).await);
                Err(Stays { delay_ms })
            }
            Verdict::Park(failure) => self.park(delivery, failure).await,
        }
    }

    fn out_of_time(&self, delivery: &Delivery) -> Verdict {
        let words = "no answer before the function's time was over";
        let failure = Failure::new(Cause::StoreUnavailable, &words);
        let verdict = after_failure(failure, &delivery.message, delivery.attempt);
        record(&delivery.message, &verdict, self.clock.now());
        verdict
    }

    /// A letter that cannot be set aside stays, to be set aside the next time.
    async fn park(&self, delivery: &Delivery, failure: Failure) -> Result<(), Stays> {
        let Err(why) = self.queue.park(delivery, failure).await else { return Ok(()) };
        log_unanswered(Err(why));
        let stays = Stays { delay_ms: RETRY_DELAY_MIN_MS };
        self.put_back(std::slice::from_ref(delivery), stays.delay_ms).await;
        Err(stays)
    }

    async fn put_back(&self, deliveries: &[Delivery], delay_ms: u64) {
        if !deliveries.is_empty() {
            log_unanswered(self.queue.release(deliveries, delay_ms).await);
        }
    }
}

/// The groups in the order of their first message, each in its own order.
fn in_groups(deliveries: Vec<Delivery>) -> Vec<Vec<Delivery>> {
    let mut groups: Vec<Vec<Delivery>> = Vec::new();
    for delivery in deliveries {
        let same = |group: &&mut Vec<Delivery>| {
            group.first().is_some_and(|first| first.message.group == delivery.message.group)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(delivery),
            None => groups.push(vec![delivery]),
        }
    }
    groups
}

/// A message that could not be answered for comes again after its visibility timeout.
pub(crate) fn log_unanswered(answered: Result<(), QueueError>) {
    if let Err(why) = answered {
        tracing::error!(error = %why, "a message could not be answered for; it comes again");
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
