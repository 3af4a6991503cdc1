//! The rules of a batch: groups side by side, each in its order; what fails holds back its own group
//! and no other.
//!
//! The queue's owner (Lambda) deletes what the batch does not retain. So nothing is lost by accident: a
//! message leaves the queue only if it is in the ledger or in the dead letters.

use std::time::Duration;

use futures_util::future::join_all;
use tierlift_core::{
    codes::Code,
    failure::Failure,
    policy::Policy,
    ports::{Delivery, Queue, Receipt, Store},
    shared::Shared,
    time::Clock,
};
use tokio::time::{Instant, timeout_at};

use crate::{Settled, Verdict, attempt, record, settle, settle::release};

/// A worker of batches.
#[derive(Debug)]
pub struct Worker<Q, S> {
    /// The queue that deliveries are settled with.
    pub queue: Q,
    /// The store that decisions are committed to.
    pub store: S,
    /// The policy that decisions follow.
    pub policy: Shared<Policy>,
    /// The time of decisions.
    pub clock: Clock,
}

impl<Q: Queue, S: Store> Worker<Q, S> {
    /// Works on a batch for at most `time_left`; returns the receipts of what stays in the queue.
    pub async fn batch(&self, deliveries: Vec<Delivery>, time_left: Duration) -> Vec<Receipt> {
        let deadline = Instant::now() + time_left;
        let groups = in_groups(deliveries);
        let retained = join_all(groups.iter().map(|group| self.group(group, deadline))).await;
        retained.into_iter().flatten().collect()
    }

    /// One after another, until one is retained; then the rest of the group is retained behind it.
    async fn group(&self, group: &[Delivery], deadline: Instant) -> Vec<Receipt> {
        for (index, delivery) in group.iter().enumerate() {
            let Settled::Retained { delay_ms } = self.delivery(delivery, deadline).await else {
                continue;
            };
            let rest = group.get(index + 1..).unwrap_or_default();
            release(&self.queue, rest, delay_ms).await;
            let retained = [delivery].into_iter().chain(rest);
            return retained.map(|retained| retained.receipt.clone()).collect();
        }
        Vec::new()
    }

    async fn delivery(&self, delivery: &Delivery, deadline: Instant) -> Settled {
        if Instant::now() >= deadline {
            release(&self.queue, std::slice::from_ref(delivery), 0).await;
            return Settled::Retained { delay_ms: 0 };
        }
        let policy = self.policy.current();
        let attempted = attempt(&self.store, &policy, delivery, &self.clock);
        let in_time = timeout_at(deadline, attempted).await;
        let verdict = in_time.unwrap_or_else(|_| self.out_of_time(delivery));
        settle(&self.queue, delivery, verdict).await
    }

    fn out_of_time(&self, delivery: &Delivery) -> Verdict {
        let error = "the store did not respond within the function's time";
        let failure = Failure::new(Code::StoreUnavailable, &error);
        let verdict = Verdict::after_outage(failure, delivery);
        record(&delivery.message, &verdict, self.clock.now());
        verdict
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

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
