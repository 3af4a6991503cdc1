//! One round of what happens by the clock. Each part is done whatever becomes of the others, and the first
//! error fails the round, so that an alarm reports it. The table's stream brings the changes to the
//! notifier.

use std::{future::ready, time::Duration};

use tierlift_core::{
    policy::Policy,
    ports::{PolicyRecord, Scan, Store, StoreError, WaitingList},
    time::Clock,
};
use tierlift_worker::{expire_due, policy_change, report_waiting};
use tokio::time::{Instant, timeout_at};

/// What a round needs.
#[derive(Debug)]
pub struct Maintenance<S> {
    /// The store.
    pub store: S,
    /// The policy, which everything that is stored shall be under.
    pub policy: Policy,
    /// Current time.
    pub clock: Clock,
}

impl<S: Store + Scan + WaitingList + PolicyRecord> Maintenance<S> {
    /// Does one round. A changed policy is applied as far as that can be begun in `time`, and the next round
    /// goes on with it.
    pub async fn run(&self, time: Duration) -> Result<(), StoreError> {
        let Self { store, policy, clock } = self;
        let deadline = Instant::now() + time;
        let expiring = expire_due(store, policy, clock, |_| ready(()));
        // A function that is killed loses its metrics; the next round goes on with what is left.
        let expired = timeout_at(deadline, expiring).await.unwrap_or_else(|_| {
            tracing::warn!("round of expiry ended before everything was settled");
            Ok(0)
        });
        let reported = report_waiting(store, clock.now()).await;
        let notify = |_| ready(());
        let applied = policy_change::apply(store, policy, clock, notify, Some(deadline)).await;
        expired.and(reported.map(drop)).and(applied.map(drop))
    }
}

#[cfg(test)]
#[path = "maintenance_tests.rs"]
mod tests;
