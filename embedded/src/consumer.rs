//! The consumers: they move messages from the queue through the worker to the sockets.
//!
//! Several run concurrently, each with a batch of its own: while one waits for its commit the others
//! decide, and all of them share the fsync. They decide nothing themselves: the worker decides what an
//! event changes, and what a verdict means for the queue.

use futures_util::future::join_all;
use tierlift_core::{
    limits::{CONSUMER_BATCH_MAX, CONSUMERS},
    policy::Policy,
    ports::{Delivery, Queue, Receipt},
    shared::Shared,
    stripe::event::Type,
    time::Clock,
};
use tierlift_notifier::notify;
use tierlift_worker::{Committed, Done, Settled, Verdict, attempt, retry_delay_ms, settle};
use tokio::sync::{
    mpsc::{Sender, error::TrySendError},
    watch,
};

use crate::{db::Db, sockets::Registry, stop::stopped};

/// What a consumer needs.
#[derive(Clone)]
pub(crate) struct Consumer {
    pub(crate) db: Db,
    pub(crate) sockets: Registry,
    pub(crate) policy: Shared<Policy>,
    pub(crate) clock: Clock,
    /// Where thin events go, if Stripe may be asked.
    pub(crate) thin: Option<Sender<Delivery>>,
}

/// Runs until `stop` is true and the current batches are committed and pushed.
pub(crate) async fn run(consumer: Consumer, stop: watch::Receiver<bool>) {
    let consumers = (0..CONSUMERS).map(|_| tokio::spawn(consumer.clone().run(stop.clone())));
    for ended in join_all(consumers).await {
        if let Err(error) = ended {
            tracing::error!(%error, "consumer panicked");
        }
    }
}

impl Consumer {
    async fn run(self, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                biased;
                () = stopped(&mut stop) => return,
                received = self.db.receive(CONSUMER_BATCH_MAX) => match received {
                    Ok(deliveries) => self.batch(deliveries).await,
                    Err(error) => {
                        // This happens only when the file is closed, and no consumer can reopen it.
                        tracing::error!(%error, "queue closed, consumer ends");
                        return;
                    }
                },
            }
        }
    }

    async fn batch(&self, deliveries: Vec<Delivery>) {
        let done = join_all(deliveries.into_iter().map(|delivery| self.delivery(delivery))).await;
        let receipts: Vec<Receipt> = done.into_iter().flatten().collect();
        if !receipts.is_empty() {
            self.db.delete_later(receipts);
        }
    }

    /// Applies one message; returns its receipt if the queue can delete it.
    async fn delivery(&self, delivery: Delivery) -> Option<Receipt> {
        if let (Type::Thin, Some(thin)) = (delivery.message.kind, &self.thin) {
            self.hand_over(thin, delivery).await;
            return None;
        }
        let verdict = attempt(&self.db, &self.policy.current(), &delivery, &self.clock).await;
        self.settle(delivery, verdict).await
    }

    /// Leaves a thin event to those who ask Stripe, or to the queue while they are busy.
    async fn hand_over(&self, thin: &Sender<Delivery>, delivery: Delivery) {
        if let Err(TrySendError::Full(delivery) | TrySendError::Closed(delivery)) =
            thin.try_send(delivery)
        {
            let event = delivery.message.event.as_str();
            let delay_ms = retry_delay_ms(event, delivery.deliveries);
            settle(&self.db, &delivery, Verdict::Wait { delay_ms }).await;
        }
    }

    /// Settles a delivery and pushes what it changed; returns its receipt if the queue can delete it.
    pub(crate) async fn settle(&self, delivery: Delivery, verdict: Verdict) -> Option<Receipt> {
        match settle(&self.db, &delivery, verdict).await {
            Settled::Done(done) => {
                self.notify(done).await;
                Some(delivery.receipt)
            }
            Settled::Parked | Settled::Retained { .. } => None,
        }
    }

    /// Pushes the changes to the sockets. Nothing is pushed before it is durable.
    async fn notify(&self, done: Done) {
        let Done::Committed(Committed { changes, context, .. }) = done else { return };
        for change in &changes {
            notify(&self.sockets, change, context.as_ref(), &self.clock).await;
        }
    }
}
