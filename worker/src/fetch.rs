//! Asks Stripe about the customers about whom something is unclear. What it answers goes into the queue, and
//! is applied like an event.
//!
//! The store says who is due, and says so until an answer has settled it. So nothing is lost if Stripe is
//! unavailable or the process ends: it is asked again, less and less often while that settles nothing.

use std::collections::BTreeMap;

use serde::Deserialize;
use tierlift_core::{
    codes::Code,
    customer::Customer,
    id::{CustomerId, InvoiceId, PaymentId, SubscriptionId},
    limits::{
        FETCH_AGAIN_SECS_MAX, FETCH_AGAIN_SECS_MIN, FETCHES_PER_ROUND_MAX, FETCHES_REMEMBERED_MAX,
    },
    observation::{Because, FetchReason, Observed},
    ports::{
        Answer, Due, Enqueue, FetchList, ListOf, Store, Stripe, StripeError, StripeId, Waiting,
        WaitingList,
    },
    stripe::observation,
    time::{Clock, Timestamp},
};

use crate::reconcile::Error;

/// Who was asked about, and when that may be done again.
#[derive(Debug, Default)]
pub struct Fetcher {
    asked: BTreeMap<CustomerId, Asked>,
    /// The payments of which it was asked what they paid for, and when that may be done again.
    payments: BTreeMap<String, Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    again_at: Timestamp,
    delay_secs: i64,
}

/// The id of an object.
#[derive(Deserialize)]
struct Id {
    id: String,
}

/// The invoice of a payment.
#[derive(Deserialize)]
struct PaidInvoice {
    invoice: InvoiceId,
}

impl Fetcher {
    /// One round: asks about those who are due, at most [`FETCHES_PER_ROUND_MAX`], once for each customer.
    /// Returns how many were asked about.
    pub async fn fetch_due<A, S, Q>(
        &mut self,
        stripe: &A,
        store: &S,
        queue: &Q,
        clock: &Clock,
    ) -> Result<usize, Error>
    where
        A: Stripe,
        S: FetchList + Store,
        Q: Enqueue,
    {
        let now = clock.now();
        // Those who were asked about and are still due do not hide the others.
        let max = FETCHES_PER_ROUND_MAX + self.asked.len();
        let due = store.due(now, max).await?;
        self.forget_settled(&due);
        let mut count = 0;
        for Due { customer, .. } in due {
            let is_early = self.asked.get(&customer).is_some_and(|asked| now < asked.again_at);
            if is_early || count >= FETCHES_PER_ROUND_MAX {
                continue;
            }
            let Some(known) = store.customer(&customer).await? else { continue };
            let answers = settled(customer.as_str(), ask(stripe, &known).await)?;
            for answer in &answers {
                enqueue(queue, answer, now).await?;
            }
            count += 1;
            self.note(customer, now);
        }
        metrics::counter!("tierlift_fetches_total").increment(count as u64);
        Ok(count)
    }

    /// One round: asks what the payments paid for that are given back and of which nobody knows it. What a shop
    /// sells without tierlift is among them and stays there, so each is asked about once a day. Returns how
    /// many were asked about.
    pub async fn fetch_payments<A: Stripe, S: WaitingList, Q: Enqueue>(
        &mut self,
        stripe: &A,
        store: &S,
        queue: &Q,
        clock: &Clock,
    ) -> Result<usize, Error> {
        let now = clock.now();
        self.payments.retain(|_, again_at| now < *again_at);
        let waiting = store.waiting(FETCHES_REMEMBERED_MAX).await?;
        let unlinked = waiting.into_iter().filter(|it| it.cause == Code::PaymentUnlinked);
        let mut count = 0;
        for Waiting { id, .. } in unlinked {
            let has_room = self.payments.len() < FETCHES_REMEMBERED_MAX;
            if !has_room || self.payments.contains_key(&id) || count >= FETCHES_PER_ROUND_MAX {
                continue;
            }
            let Ok(payment) = PaymentId::new(&id) else { continue };
            let answers = settled(&id, ask_for_payment(stripe, payment).await)?;
            for answer in &answers {
                enqueue(queue, answer, now).await?;
            }
            count += 1;
            self.payments.insert(id, now.plus_secs(FETCH_AGAIN_SECS_MAX));
        }
        metrics::counter!("tierlift_fetches_total").increment(count as u64);
        Ok(count)
    }

    /// Who is not due any more has an answer.
    fn forget_settled(&mut self, due: &[Due]) {
        self.asked.retain(|customer, _| due.iter().any(|due| due.customer == *customer));
    }

    /// Delays the next request about a customer, twice as long each time.
    fn note(&mut self, customer: CustomerId, now: Timestamp) {
        let known = self.asked.get(&customer).map(|asked| asked.delay_secs.saturating_mul(2));
        let delay_secs = known.unwrap_or(FETCH_AGAIN_SECS_MIN).min(FETCH_AGAIN_SECS_MAX);
        if known.is_none() && self.asked.len() >= FETCHES_REMEMBERED_MAX {
            return;
        }
        self.asked.insert(customer, Asked { again_at: now.plus_secs(delay_secs), delay_secs });
    }
}

/// The answers, or none if that is about one object. Everything else is about Stripe or the key.
fn settled(
    about: &str,
    asked: Result<Vec<Answer>, StripeError>,
) -> Result<Vec<Answer>, StripeError> {
    match asked {
        Err(error @ (StripeError::NotFound(_) | StripeError::AnswerUnexpected(_))) => {
            tracing::warn!(about, code = error.code().as_str(), %error, "fetch failed");
            Ok(Vec::new())
        }
        asked => asked,
    }
}

/// Asks what would settle what is unclear about a customer: in one request, whatever it is.
async fn ask<A: Stripe>(stripe: &A, customer: &Customer) -> Result<Vec<Answer>, StripeError> {
    let because = customer.fetch_due.map(|due| due.because);
    match because {
        None => Ok(Vec::new()),
        Some(FetchReason::LineItems) => ask_for_sessions(stripe, customer).await,
        Some(
            FetchReason::Ambiguous
            | FetchReason::ItemsTruncated
            | FetchReason::Inconclusive
            | FetchReason::Unobserved,
        ) => {
            ask_for_subscriptions(stripe, customer, because == Some(FetchReason::Unobserved)).await
        }
    }
}

async fn ask_for_subscriptions<A: Stripe>(
    stripe: &A,
    customer: &Customer,
    is_any: bool,
) -> Result<Vec<Answer>, StripeError> {
    let states = customer.states();
    let unclear = states.filter(|(_, subscription, state)| {
        state.unclear || (is_any && subscription.record.is_unobserved())
    });
    let unclear: Vec<&SubscriptionId> = unclear.map(|(id, ..)| id).collect();
    if let [only] = unclear.as_slice() {
        let id = StripeId::Subscription((*only).clone());
        return Ok(vec![stripe.retrieve(&id).await?]);
    }
    let list = ListOf::Subscriptions { customer: Some(customer.id.clone()) };
    let mut answers = stripe.list(&list, None).await?.items;
    answers.retain(|answer| {
        let id = serde_json::from_str::<Id>(&answer.object);
        id.is_ok_and(|id| unclear.iter().any(|unclear| unclear.as_str() == id.id))
    });
    Ok(answers)
}

/// The sessions of a customer. A guest's purchase has the id of its payment, or that of its session if
/// nothing had to be paid.
async fn ask_for_sessions<A: Stripe>(
    stripe: &A,
    customer: &Customer,
) -> Result<Vec<Answer>, StripeError> {
    let of = |customer, payment| ListOf::CheckoutSessions { customer, payment };
    let list = match StripeId::parse(customer.id.as_str()) {
        Some(session @ StripeId::CheckoutSession(_)) => {
            return Ok(vec![stripe.retrieve(&session).await?]);
        }
        Some(StripeId::PaymentIntent(payment)) => of(None, Some(payment)),
        _ => match sole_payment(customer) {
            Some(payment) => of(None, Some(payment)),
            None => of(Some(customer.id.clone()), None),
        },
    };
    Ok(stripe.list(&list, None).await?.items)
}

/// What a payment paid for: a checkout, or else invoices. A charge without a `PaymentIntent` leads nowhere.
async fn ask_for_payment<A: Stripe>(
    stripe: &A,
    payment: PaymentId,
) -> Result<Vec<Answer>, StripeError> {
    if !payment.as_str().starts_with("pi_") {
        return Ok(Vec::new());
    }
    let sessions = ListOf::CheckoutSessions { customer: None, payment: Some(payment.clone()) };
    let sessions = stripe.list(&sessions, None).await?.items;
    // The session of a subscription does not name its payment; its invoice does.
    if !sessions.is_empty() {
        return Ok(sessions);
    }
    let mut answers = stripe.list(&ListOf::InvoicePayments { payment }, None).await?.items;
    let paid: Vec<PaidInvoice> =
        answers.iter().filter_map(|it| serde_json::from_str(&it.object).ok()).collect();
    for PaidInvoice { invoice } in paid {
        match stripe.retrieve(&StripeId::Invoice(invoice)).await {
            Ok(answer) => answers.push(answer),
            Err(StripeError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(answers)
}

/// The payment of the only purchase whose line items are unknown. It may be older than what one page lists.
fn sole_payment(customer: &Customer) -> Option<PaymentId> {
    let mut open = customer.purchases.iter().filter(|(_, bought)| bought.offer.items.is_empty());
    match (open.next(), open.next()) {
        (Some((id, _)), None) if id.as_str().starts_with("pi_") => PaymentId::new(id.as_str()).ok(),
        _ => None,
    }
}

async fn enqueue<Q: Enqueue>(queue: &Q, answer: &Answer, now: Timestamp) -> Result<(), Error> {
    let observed = Observed { window: answer.window, because: Because::Fetch };
    match observation::message(&answer.object, observed, answer.livemode, now) {
        Ok(message) => {
            queue.enqueue(message).await?;
        }
        Err(error) => tracing::warn!(%error, "answer left out"),
    }
    Ok(())
}
