//! Applies thin events: the object that one names is retrieved, and the answer is applied under the event's id.
//!
//! ```text
//!   the ledger has it, or its snapshot twin        done
//!   its second may not be over at Stripe           a first look is enqueued, and it waits in the queue
//!   an answer's window begins after its second     the answer is applied, and it is done
//!   the answer may be of its second                it waits in the queue
//!   Stripe is unavailable                          it waits in the queue, as long as it takes
//!   no object, none that Stripe knows              a dead letter
//! ```
//!
//! An answer whose window begins after the event's second shows all that happened in it, whatever the order. So
//! one answer settles every event of an object up to then, and a burst costs a few requests. The first look is
//! for the customer who waits: it may be out of date within its second, and proves nothing.
//!
//! Who may commit makes an [`attempt`](ThinFetcher::attempt). Who may not [asks](ThinFetcher::ask), and enqueues
//! the answer.

mod admit;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tierlift_core::{
    codes::Code,
    decide::Decision,
    failure::Failure,
    limits::THIN_ANSWERS_MAX,
    observation::{Because, Observed, over_at},
    policy::Policy,
    ports::{
        Answer, Delivery, Enqueue, Message, QueueError, Store, StoreError, Stripe, StripeError,
        StripeId,
    },
    stripe::{self, ThinEvent, observation},
    time::{Clock, Timestamp},
};

use crate::{Done, Verdict, apply, decide_only, record, telemetry};

pub use admit::{Admitted, admit};

/// Time before an event is looked at again whose second was not over at Stripe, in milliseconds.
const AGAIN_MS: u64 = 1_000;

/// Retrieves what thin events name.
#[derive(Debug)]
pub struct ThinFetcher<A> {
    stripe: A,
    answers: Mutex<HashMap<StripeId, Kept>>,
}

/// The latest answer about an object. It is locked while the object is retrieved, so that others wait for the
/// answer.
type Kept = Arc<tokio::sync::Mutex<Option<Answer>>>;

/// Why there is no answer to apply.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Stripe(#[from] StripeError),
    #[error("the answer cannot be read: {0}")]
    Answer(#[from] stripe::Error),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is known of a thin event when Stripe was asked.
#[derive(Debug)]
pub enum Asked {
    /// The answer, as a message under the event's id. It is to be applied.
    Answered(Message),
    /// There is nothing to apply, or not yet.
    Settled(Verdict),
}

impl<A: Stripe> ThinFetcher<A> {
    /// Asks by `stripe`.
    pub fn new(stripe: A) -> Self {
        Self { stripe, answers: Mutex::default() }
    }

    /// One attempt at a thin event. It ends in a verdict, which is logged and counted.
    pub async fn attempt<B: Store + Enqueue>(
        &self,
        backend: &B,
        policy: &Policy,
        delivery: &Delivery,
        clock: &Clock,
    ) -> Verdict {
        let span = telemetry::span(delivery);
        let verdict = match self.ask(backend, backend, policy, delivery, clock).await {
            Asked::Settled(verdict) => verdict,
            Asked::Answered(message) => {
                let delivery = Delivery { message, ..delivery.clone() };
                apply(backend, policy, &delivery, span.traceparent(), clock).await
            }
        };
        telemetry::end(span, &verdict);
        record(&delivery.message, &verdict, clock.now());
        verdict
    }

    /// Asks Stripe about the object that a thin event names, if it is time to. Nothing is committed; a first look
    /// is put into `queue`.
    pub async fn ask<S: Store, Q: Enqueue>(
        &self,
        store: &S,
        queue: &Q,
        policy: &Policy,
        delivery: &Delivery,
        clock: &Clock,
    ) -> Asked {
        let asked = self.asked(store, queue, policy, delivery, clock).await;
        asked.unwrap_or_else(|failed| Asked::Settled(verdict_of(&failed, delivery)))
    }

    async fn asked<S: Store, Q: Enqueue>(
        &self,
        store: &S,
        queue: &Q,
        policy: &Policy,
        delivery: &Delivery,
        clock: &Clock,
    ) -> Result<Asked, Failed> {
        let settled = |verdict| Ok(Asked::Settled(verdict));
        let (thin, object) = match admit(store, policy, &delivery.message).await? {
            Admitted::Asks(thin, object) => (thin, object),
            Admitted::Parks(failure) => return settled(Verdict::Park(failure)),
            Admitted::Duplicate => return settled(Verdict::Done(Done::Duplicate)),
        };
        let (now, settles_at) = (clock.now(), over_at(thin.created_secs));
        if now < settles_at {
            if delivery.deliveries <= 1 {
                self.look(store, queue, policy, (&object, &thin), now).await?;
            }
            return settled(Verdict::Wait { delay_ms: settles_at.millis_since(now) });
        }
        let is_after = |answer: &Answer| answer.window.from_secs > thin.created_secs;
        let answer = self.answer(&object, is_after).await?;
        if !is_after(&answer) {
            return settled(Verdict::Wait { delay_ms: AGAIN_MS });
        }
        let message = observed(&answer, delivery.message.received_at)?;
        let (event, trace) = (delivery.message.event.clone(), delivery.message.trace.clone());
        Ok(Asked::Answered(Message { event, trace, ..message }))
    }

    /// Enqueues what the object is at the moment, if that can be applied. The event itself is parked otherwise,
    /// and that once.
    async fn look<S: Store, Q: Enqueue>(
        &self,
        store: &S,
        queue: &Q,
        policy: &Policy,
        (object, thin): (&StripeId, &ThinEvent),
        now: Timestamp,
    ) -> Result<(), Failed> {
        let answer = self.answer(object, |known| known.window.to_secs >= thin.created_secs).await?;
        let message = observed(&answer, now)?;
        if let Decision::Commit(_) = decide_only(store, policy, &message, now).await? {
            queue.enqueue(message).await?;
        }
        Ok(())
    }

    /// The latest answer about an object if it is good enough, or a new one.
    async fn answer(
        &self,
        object: &StripeId,
        is_enough: impl Fn(&Answer) -> bool,
    ) -> Result<Answer, StripeError> {
        let kept = self.kept(object);
        let mut latest = kept.lock().await;
        match &*latest {
            Some(known) if is_enough(known) => Ok(known.clone()),
            Some(_) | None => {
                let answer = self.stripe.retrieve(object).await?;
                *latest = Some(answer.clone());
                Ok(answer)
            }
        }
    }

    fn kept(&self, object: &StripeId) -> Kept {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= THIN_ANSWERS_MAX && !answers.contains_key(object) {
            // Those that somebody waits for stay.
            answers.retain(|_, kept| Arc::strong_count(kept) > 1);
        }
        Arc::clone(answers.entry(object.clone()).or_default())
    }
}

fn observed(answer: &Answer, received_at: Timestamp) -> Result<Message, stripe::Error> {
    let observed = Observed { window: answer.window, because: Because::Thin };
    observation::message(&answer.object, observed, answer.livemode, received_at)
}

/// What is about the object parks the event; everything else is about Stripe, the key or the store, and passes.
fn verdict_of(failed: &Failed, delivery: &Delivery) -> Verdict {
    match failed {
        Failed::Stripe(error @ StripeError::NotFound(_)) => {
            Verdict::Park(Failure::new(Code::EventThin, error))
        }
        Failed::Stripe(error @ StripeError::AnswerUnexpected(_)) => {
            Verdict::after_failure(Failure::new(Code::EventThin, error), delivery)
        }
        Failed::Answer(error) => Verdict::Park(Failure::new(error.code(), error)),
        Failed::Stripe(error) => Verdict::after_outage(Failure::new(error.code(), error), delivery),
        Failed::Store(error) => Verdict::after_outage(Failure::new(error.cause(), error), delivery),
        Failed::Queue(error) => {
            Verdict::after_outage(Failure::new(Code::QueueUnavailable, error), delivery)
        }
    }
}
