//! The pumps: they move messages from the queue through the worker to the sockets.
//!
//! Several run side by side, each with a batch in hand, so that while one waits for its commit the
//! others decide, and all of them share the fsync. What a verdict means for the queue is done here;
//! what an event means is decided in the worker.

use std::sync::Arc;

use futures_util::future::join_all;
use tierlift_core::{
    policy::Policy,
    ports::{Delivery, Queue, QueueError, Receipt},
    time::{Clock, Timestamp},
};
use tierlift_notifier::notify;
use tierlift_worker::{Committed, Done, Verdict, attempt};
use tokio::sync::watch;

use crate::{Registry, db::Db, stop::stopped};

/// Batches in hand at a time.
const PUMPS: usize = 4;
/// Messages of one batch at most.
const BATCH_MAX: usize = 32;

/// What a pump needs.
#[derive(Clone)]
struct Pump {
    db: Db,
    sockets: Registry,
    policy: Arc<Policy>,
    clock: Clock,
}

/// Runs until `stop` is true and what is in hand is committed and told.
pub async fn run(
    db: Db,
    sockets: Registry,
    policy: Arc<Policy>,
    clock: Clock,
    stop: watch::Receiver<bool>,
) {
    let pump = Pump { db, sockets, policy, clock };
    let pumps = (0..PUMPS).map(|_| tokio::spawn(pump.clone().run(stop.clone())));
    for ended in join_all(pumps).await {
        if let Err(why) = ended {
            tracing::error!(error = %why, "a pump ended early");
        }
    }
}

impl Pump {
    async fn run(self, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                biased;
                () = stopped(&mut stop) => return,
                received = self.db.receive(BATCH_MAX) => match received {
                    Ok(deliveries) => self.batch(deliveries).await,
                    Err(why) => {
                        // Only a closed file does this; the pump cannot mend it.
                        tracing::error!(error = %why, "the queue cannot be read");
                        return;
                    }
                },
            }
        }
    }

    async fn batch(&self, deliveries: Vec<Delivery>) {
        let done = join_all(deliveries.into_iter().map(|delivery| self.one(delivery))).await;
        let receipts: Vec<Receipt> = done.into_iter().flatten().collect();
        if !receipts.is_empty() {
            self.db.delete_later(receipts);
        }
    }

    /// One message; gives its receipt back where the queue can forget it.
    async fn one(&self, delivery: Delivery) -> Option<Receipt> {
        let verdict = attempt(&self.db, &self.policy, &delivery, &self.clock).await;
        let answered = match verdict {
            Verdict::Done(done) => {
                self.tell(done, delivery.message.received_at).await;
                return Some(delivery.receipt);
            }
            Verdict::Retry { delay_ms, failure } => {
                self.db.retry(&delivery, delay_ms, failure).await
            }
            Verdict::Park(failure) => self.db.park(&delivery, failure).await,
        };
        log_unanswered(answered);
        None
    }

    /// Tells the sockets. Nobody hears of a change before it is durable.
    async fn tell(&self, done: Done, received_at: Timestamp) {
        let Done::Committed(Committed { changes, .. }) = done else { return };
        for change in &changes {
            notify(&self.sockets, change, Some(received_at), &self.clock).await;
        }
    }
}

/// A message that could not be answered for comes again after its visibility timeout.
fn log_unanswered(answered: Result<(), QueueError>) {
    if let Err(why) = answered {
        tracing::error!(error = %why, "a failed message could not be answered for");
    }
}
