//! Asks Stripe about a checkout, enqueues what it answers, and waits until that is applied.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tierlift_core::{
    customer::Customer,
    id::{EventId, UserId},
    limits::{CONFIRM_SECS_MAX, CONFIRM_WAIT_MS_MAX},
    observation::{Because, Observed},
    owners::Owners,
    policy::Policy,
    ports::{
        Answer, Enqueue, Processed, QueueError, Store, StoreError, Stripe, StripeError, StripeId,
    },
    shared::Shared,
    stripe::{Returned, observation},
    time::Clock,
};
use tokio::time::timeout;

use super::{
    CheckoutSessionId, Refusal,
    flights::{Confirmed, Flights},
};

/// Who is back from a checkout.
#[derive(Clone, Debug)]
pub struct Buyer {
    /// The user.
    pub user: UserId,
    /// The accounts beside the user's own for which they may have paid.
    pub others: Vec<UserId>,
}

impl Buyer {
    fn accounts(&self) -> impl Iterator<Item = &UserId> {
        std::iter::once(&self.user).chain(&self.others)
    }
}

/// Confirms checkouts.
pub trait Confirm: Send + Sync {
    /// Applies what a buyer's checkout paid for, as far as that is possible while a page waits.
    fn confirm(
        &self,
        buyer: &Buyer,
        checkout: &CheckoutSessionId,
    ) -> impl Future<Output = Result<(), Refusal>> + Send;
}

/// There is no key: the webhook alone applies a checkout.
#[derive(Clone, Copy, Debug)]
pub struct NoKey;

impl Confirm for NoKey {
    async fn confirm(&self, _: &Buyer, _: &CheckoutSessionId) -> Result<(), Refusal> {
        Ok(())
    }
}

/// Asks Stripe: once for all tabs of a user, and each user no more often than is sensible.
#[derive(Debug)]
pub struct Confirmer<A, S, Q> {
    asking: Asking<A, S, Q>,
    /// Time that a page waits.
    wait: Duration,
    /// Time after which a question ends.
    bound: Duration,
    flights: Mutex<Flights>,
}

/// What it takes to ask.
#[derive(Clone, Debug)]
struct Asking<A, S, Q> {
    stripe: A,
    store: S,
    queue: Q,
    policy: Shared<Policy>,
    clock: Clock,
}

/// Why an answer could not be had or applied. It is about no user.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Stripe(#[from] StripeError),
    #[error("the answer cannot be read: {0}")]
    Answer(#[from] tierlift_core::stripe::Error),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<A, S, Q> Confirmer<A, S, Q> {
    /// Asks by `stripe`; what it answers goes into the queue, and from there into the store.
    pub fn new(stripe: A, store: S, queue: Q, policy: Shared<Policy>, clock: Clock) -> Self {
        let asking = Asking { stripe, store, queue, policy, clock };
        let wait = Duration::from_millis(CONFIRM_WAIT_MS_MAX);
        let bound = Duration::from_secs(CONFIRM_SECS_MAX);
        Self { asking, wait, bound, flights: Mutex::default() }
    }

    /// Lets a page wait for that time.
    #[must_use]
    pub fn with_wait(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }

    /// Ends a question before its page stops waiting, where nothing goes on after a response.
    #[must_use]
    pub fn ending_with_the_page(self) -> Self {
        Self { bound: self.wait, wait: self.wait + Duration::from_secs(1), ..self }
    }
}

impl<A, S, Q> Confirm for Confirmer<A, S, Q>
where
    A: Stripe + Clone + 'static,
    S: Store + Processed + Clone + 'static,
    Q: Enqueue + Clone + 'static,
{
    /// When the page has waited for long enough, the question goes on without it.
    async fn confirm(&self, buyer: &Buyer, checkout: &CheckoutSessionId) -> Result<(), Refusal> {
        let result = self.confirmed(buyer, checkout).await;
        let name = match result {
            Ok(Confirmed::Applied) => "applied",
            Ok(Confirmed::NotYet) => "not_yet",
            Err(Refusal::NotFound) => "not_found",
            Err(Refusal::Foreign) => "foreign",
            Err(Refusal::Unpaid) => "unpaid",
            Err(Refusal::RateLimited { .. }) => "rate_limited",
        };
        metrics::counter!("tierlift_confirms_total", "result" => name).increment(1);
        result.map(drop)
    }
}

impl<A, S, Q> Confirmer<A, S, Q>
where
    A: Stripe + Clone + 'static,
    S: Store + Processed + Clone + 'static,
    Q: Enqueue + Clone + 'static,
{
    async fn confirmed(
        &self,
        buyer: &Buyer,
        checkout: &CheckoutSessionId,
    ) -> Result<Confirmed, Refusal> {
        let Some(mut outcome) = self.join(buyer, checkout)? else { return Ok(Confirmed::NotYet) };
        let known = timeout(self.wait, outcome.wait_for(Option::is_some)).await;
        let known = known.ok().and_then(Result::ok).and_then(|known| *known);
        known.map_or(Ok(Confirmed::NotYet), |(result, _)| result)
    }

    fn join(
        &self,
        buyer: &Buyer,
        checkout: &CheckoutSessionId,
    ) -> Result<Option<tokio::sync::watch::Receiver<super::flights::Outcome>>, Refusal> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.join(&buyer.user, checkout, || {
            let (asking, buyer, checkout) = (self.asking.clone(), buyer.clone(), checkout.clone());
            let bound = self.bound;
            async move {
                let asked = timeout(bound, asking.ask(&buyer, &checkout)).await;
                asked.unwrap_or(Ok(Confirmed::NotYet))
            }
        })
    }
}

impl<A: Stripe, S: Store + Processed, Q: Enqueue> Asking<A, S, Q> {
    async fn ask(&self, buyer: &Buyer, checkout: &CheckoutSessionId) -> Result<Confirmed, Refusal> {
        match self.attempt(buyer, checkout).await {
            Ok(result) => result,
            Err(Failed::Stripe(StripeError::NotFound(_))) => Err(Refusal::NotFound),
            Err(error) => {
                let checkout = checkout.as_str();
                tracing::warn!(checkout, %error, "checkout not confirmed, its webhook applies it");
                Ok(Confirmed::NotYet)
            }
        }
    }

    async fn attempt(
        &self,
        buyer: &Buyer,
        checkout: &CheckoutSessionId,
    ) -> Result<Result<Confirmed, Refusal>, Failed> {
        let id = StripeId::CheckoutSession(checkout.as_str().to_owned());
        let answer = self.stripe.retrieve(&id).await?;
        let policy = self.policy.current();
        let returned = Returned::read(&answer.object, &policy.user_id_keys)?;
        if !self.is_of(buyer, &returned, &policy).await? {
            return Ok(Err(Refusal::Foreign));
        }
        if !returned.is_paid {
            return Ok(Err(Refusal::Unpaid));
        }
        for event in self.enqueue(&answer, &returned).await? {
            self.store.processed(&event).await?;
        }
        Ok(Ok(Confirmed::Applied))
    }

    /// Whether something in the answer names one of the buyer's accounts, or the customer is known to be theirs.
    async fn is_of(
        &self,
        buyer: &Buyer,
        returned: &Returned<'_>,
        policy: &Policy,
    ) -> Result<bool, StoreError> {
        if buyer.accounts().any(|account| returned.users.contains(account)) {
            return Ok(true);
        }
        let Some(customer) = &returned.customer else { return Ok(false) };
        let known = self.store.customer(customer).await?;
        Ok(known
            .is_some_and(|known| buyer.accounts().any(|account| is_owned(&known, account, policy))))
    }

    /// Enqueues what the answer shows; returns the ids of the messages.
    async fn enqueue(
        &self,
        answer: &Answer,
        returned: &Returned<'_>,
    ) -> Result<Vec<EventId>, Failed> {
        let observed = Observed { window: answer.window, because: Because::Confirm };
        let mut events = Vec::new();
        for object in &returned.objects {
            let message =
                observation::message(object, observed, answer.livemode, self.clock.now())?;
            events.push(message.event.clone());
            self.queue.enqueue(message).await?;
        }
        Ok(events)
    }
}

/// Whether a customer is linked to a user, or something that the customer has is theirs.
fn is_owned(customer: &Customer, user: &UserId, policy: &Policy) -> bool {
    let owners = Owners::new(customer, policy);
    let linked = customer.links.manual.as_ref().or_else(|| customer.user_by_metadata());
    linked == Some(user) || owners.all().contains(user)
}
