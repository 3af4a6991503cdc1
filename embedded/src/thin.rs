//! Applies thin events beside the consumers, so that nothing else waits while Stripe is asked. What there is no
//! room for stays in the queue.

use std::sync::Arc;

use tierlift_core::{
    limits::{THINS_AT_ONCE_MAX, THINS_READY_MAX},
    ports::{Delivery, Stripe},
};
use tierlift_worker::thin::ThinFetcher;
use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    task::JoinSet,
};

use crate::consumer::Consumer;

/// Where consumers hand over thin events, and where they are taken.
pub(crate) fn channel() -> (Sender<Delivery>, Receiver<Delivery>) {
    mpsc::channel(THINS_READY_MAX)
}

/// Runs until it is dropped.
pub(crate) async fn run<A: Stripe + 'static>(
    stripe: A,
    consumer: Consumer,
    mut ready: Receiver<Delivery>,
) {
    let fetcher = Arc::new(ThinFetcher::new(stripe));
    let mut attempts = JoinSet::new();
    loop {
        tokio::select! {
            Some(delivery) = ready.recv(), if attempts.len() < THINS_AT_ONCE_MAX => {
                let (fetcher, consumer) = (Arc::clone(&fetcher), consumer.clone());
                attempts.spawn(async move { attempt(&fetcher, &consumer, delivery).await });
            }
            Some(ended) = attempts.join_next() => if let Err(error) = ended {
                tracing::error!(%error, "attempt at a thin event panicked, it is redelivered");
            },
            else => return,
        }
    }
}

async fn attempt<A: Stripe>(fetcher: &ThinFetcher<A>, consumer: &Consumer, delivery: Delivery) {
    let (db, policy) = (&consumer.db, consumer.policy.current());
    let verdict = fetcher.attempt(db, &policy, &delivery, &consumer.clock).await;
    let done = consumer.settle(delivery, verdict).await;
    db.delete_later(done.into_iter().collect());
}
