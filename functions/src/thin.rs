//! Thin events: the worker hands them over to a queue of their own, and the function that asks Stripe takes them
//! from there, so that no other event waits for Stripe, and none that applies events reads the key.
//!
//! What Stripe answers is put into the events' queue under the event's id, and the worker applies it.

use futures_util::future::join_all;
use std::{sync::Arc, time::Duration};
use tierlift_aws::{
    lambda::Function,
    queue::{Producer, Queue},
    store::Store,
};
use tierlift_core::{
    codes::Code,
    config::Fetch,
    decide::Decision,
    failure::Failure,
    policy::Policy,
    ports::{Delivery, Enqueue as _, Message, Receipt},
    stripe::event::Type,
    time::Clock,
};
use tierlift_worker::{
    Done, Settled, Verdict, attempt, decide_only, record, retry_delay_ms, settle,
    thin::{Asked, ThinFetcher},
};
use tokio::time::timeout;

use crate::rotating_client::RotatingClient;

/// Hands over the thin events of a batch. Returns the other events, and the receipts of what could not be handed
/// over: it stays in the queue.
pub async fn hand_over(
    queue: &Queue,
    to: &Producer,
    deliveries: Vec<Delivery>,
) -> (Vec<Delivery>, Vec<Receipt>) {
    let (thin, others): (Vec<_>, Vec<_>) =
        deliveries.into_iter().partition(|delivery| delivery.message.kind == Type::Thin);
    let retained = join_all(thin.into_iter().map(async |delivery| {
        let error = to.hand_over(&delivery).await.err()?;
        let event = delivery.message.event.as_str();
        tracing::error!(event, %error, "thin event not handed over, it is redelivered");
        let delay_ms = retry_delay_ms(event, delivery.deliveries);
        settle(queue, &delivery, Verdict::Wait { delay_ms }).await;
        Some(delivery.receipt)
    }));
    (others, retained.await.into_iter().flatten().collect())
}

/// Asks Stripe about thin events.
#[derive(Debug)]
pub struct ThinWorker {
    /// The queue of thin events, with the dead letters of all.
    pub queue: Queue,
    events: Producer,
    store: Store,
    policy: Policy,
    clock: Clock,
    fetch: Fetch,
    fetcher: ThinFetcher<Arc<RotatingClient>>,
}

impl ThinWorker {
    /// Opens what the function's environment describes.
    pub fn open(function: &Function, stripe: &Arc<RotatingClient>) -> anyhow::Result<Self> {
        let Function { environment, sdk, clock, .. } = function;
        let table = environment.table()?;
        let url = environment.need("TIERLIFT_THIN_QUEUE_URL", "the queue of thin events")?;
        Ok(Self {
            queue: Queue::new(sdk, url, environment.dead_letter_queue_url()?, table),
            events: Producer::new(sdk, environment.queue_url()?),
            store: Store::new(sdk, table),
            policy: environment.policy()?,
            clock: clock.clone(),
            fetch: stripe.config().fetch,
            fetcher: ThinFetcher::new(Arc::clone(stripe)),
        })
    }

    /// Asks about a batch for at most `time`; returns the receipts of what stays in the queue. Each thin event is a
    /// group of its own, so none waits for another.
    pub async fn batch(&self, deliveries: Vec<Delivery>, time: Duration) -> Vec<Receipt> {
        let retained = join_all(deliveries.into_iter().map(async |delivery| {
            let asked = timeout(time, self.verdict(&delivery)).await;
            let verdict = match asked {
                // The worker applies the answer, and says what became of it.
                Ok(None) => return None,
                Ok(Some(verdict)) => verdict,
                Err(_) => {
                    let error = "Stripe did not answer within the function's time";
                    Verdict::after_outage(Failure::new(Code::StripeUnavailable, &error), &delivery)
                }
            };
            record(&delivery.message, &verdict, self.clock.now());
            let settled = settle(&self.queue, &delivery, verdict).await;
            matches!(settled, Settled::Retained { .. }).then_some(delivery.receipt)
        }));
        retained.await.into_iter().flatten().collect()
    }

    /// What becomes of a thin event; none if its answer is in the events' queue.
    async fn verdict(&self, delivery: &Delivery) -> Option<Verdict> {
        let Self { store, policy, clock, .. } = self;
        if self.fetch == Fetch::Never {
            return Some(attempt(store, policy, delivery, clock).await);
        }
        match self.fetcher.ask(store, &self.events, policy, delivery, clock).await {
            Asked::Settled(verdict) => Some(verdict),
            Asked::Answered(message) => self.enqueue(message, delivery).await,
        }
    }

    /// Enqueues an answer that can be applied. The event is parked otherwise, so that a redrive asks again.
    async fn enqueue(&self, message: Message, delivery: &Delivery) -> Option<Verdict> {
        let Self { store, policy, clock, .. } = self;
        match decide_only(store, policy, &message, clock.now()).await {
            Ok(Decision::Park(failure)) => return Some(Verdict::Park(failure)),
            Ok(Decision::Duplicate) => return Some(Verdict::Done(Done::Duplicate)),
            Ok(Decision::Commit(_) | Decision::Load(_)) => {}
            Err(error) => {
                let failure = Failure::new(error.cause(), &error);
                return Some(Verdict::after_outage(failure, delivery));
            }
        }
        let error = self.events.enqueue(message).await.err()?;
        Some(Verdict::after_outage(Failure::new(Code::QueueUnavailable, &error), delivery))
    }
}
