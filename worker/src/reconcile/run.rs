//! One reconciliation: page after page, object after object.

use std::time::Duration;

use futures_util::future::join_all;
use serde::Deserialize;
use tierlift_core::{
    codes::Code,
    id::CustomerId,
    limits::{COMPARED_AT_ONCE_MAX, RECONCILE_BACKLOG_POLL_MS},
    observation::{Because, Observed},
    policy::Policy,
    ports::{
        Answer, DeadLetters, Enqueue, ListOf, Message, Page, QueueError, ReconciliationRecord,
        Store, Stripe, StripeError,
    },
    reconciliation::{Listed, Place, Reconciliation, Report},
    stripe::observation,
    time::Clock,
};
use tokio::time::sleep;

use super::{
    Error, Prediction,
    explain::{explain, may_read, types},
    patience::patiently,
    predict,
};

/// What a reconciliation works with.
#[derive(Debug)]
pub struct Pass<'p, A, S, Q> {
    /// Whom to ask.
    pub stripe: &'p A,
    /// What is stored.
    pub store: &'p S,
    /// Where observations go.
    pub queue: &'p Q,
    /// The policy.
    pub policy: &'p Policy,
    /// The source of time.
    pub clock: &'p Clock,
    /// Whether nothing is enqueued and no place is stored.
    pub is_dry_run: bool,
    /// Messages in the queue above which the next page waits, so that webhooks wait behind few and little is in memory.
    /// Without it none waits.
    pub backlog_max: Option<u64>,
}

/// Prices of a subscription, for the report.
#[derive(Deserialize)]
struct Prices {
    items: Items,
}

#[derive(Deserialize)]
struct Items {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    price: Price,
}

#[derive(Deserialize)]
struct Price {
    id: String,
}

impl<A, S, Q> Pass<'_, A, S, Q>
where
    A: Stripe,
    S: Store + ReconciliationRecord,
    Q: Enqueue + DeadLetters,
{
    /// Runs a reconciliation to its end. `on_page` is called after each page. If this is dropped, another run goes
    /// on behind the latest page.
    pub async fn run(
        &self,
        mut state: Reconciliation,
        mut on_page: impl FnMut(&Reconciliation) + Send,
    ) -> Result<Reconciliation, Error> {
        while let Some(place) = state.next.clone() {
            self.wait_for_room().await?;
            let page = self.page(&place).await?;
            if let Listed::Events { .. } = place.list {
                explain(self.store, self.queue, &page.items, &mut state.report).await?;
            } else {
                self.compare_all(&page.items, state.because, &mut state.report).await?;
                state.report.pages += 1;
            }
            state.next = following(&place, page.next, state.because, &state.report);
            self.note(&state).await?;
            on_page(&state);
        }
        state.ended_at = Some(self.clock.now());
        self.note(&state).await?;
        Ok(state)
    }

    /// Waits until the queue is short enough.
    async fn wait_for_room(&self) -> Result<(), Error> {
        let Some(max) = self.backlog_max.filter(|_| !self.is_dry_run) else { return Ok(()) };
        while self.queue.depth().await?.queued > max {
            sleep(Duration::from_millis(RECONCILE_BACKLOG_POLL_MS)).await;
        }
        Ok(())
    }

    async fn note(&self, state: &Reconciliation) -> Result<(), Error> {
        if self.is_dry_run {
            return Ok(());
        }
        Ok(self.store.set_reconciliation(state.clone()).await?)
    }

    /// A page. An object that was deleted is no place to go on from: its list starts over then.
    async fn page(&self, place: &Place) -> Result<Page<Answer>, Error> {
        let list = match place.list {
            Listed::Customers => ListOf::Customers,
            Listed::Subscriptions => ListOf::Subscriptions { customer: None },
            Listed::CheckoutSessions => ListOf::CheckoutSessions { customer: None, payment: None },
            Listed::Refunds => ListOf::Refunds,
            Listed::Disputes => ListOf::Disputes,
            Listed::Events { part } => ListOf::Events {
                types: types(part),
                since_secs: None,
                until_secs: None,
                undelivered: false,
            },
        };
        let from = |after: Option<String>| {
            let list = &list;
            async move { patiently(|| self.stripe.list(list, after.as_deref())).await }
        };
        match from(place.after.clone()).await {
            Err(StripeError::AnswerUnexpected(_) | StripeError::NotFound(_))
                if place.after.is_some() =>
            {
                Ok(from(None).await?)
            }
            page => Ok(page?),
        }
    }

    /// Compares the objects of a page, some side by side: each waits for the store and for the queue.
    async fn compare_all(
        &self,
        answers: &[Answer],
        because: Because,
        report: &mut Report,
    ) -> Result<(), Error> {
        for some in answers.chunks(COMPARED_AT_ONCE_MAX) {
            let compared = join_all(some.iter().map(|answer| self.compare(answer, because))).await;
            for (answer, compared) in some.iter().zip(compared) {
                report.checked += 1;
                match compared? {
                    Some((prediction, customer)) => count(prediction, customer, answer, report),
                    None => report.parked += 1,
                }
            }
        }
        Ok(())
    }

    /// Compares one object, and enqueues it if it differs or is to be imported. Returns what would become of it and
    /// its customer; none if it cannot be read.
    async fn compare(
        &self,
        answer: &Answer,
        because: Because,
    ) -> Result<Option<(Prediction, Option<CustomerId>)>, Error> {
        let observed = Observed { window: answer.window, because };
        let now = self.clock.now();
        let Ok(message) = observation::message(&answer.object, observed, answer.livemode, now)
        else {
            return Ok(None);
        };
        let prediction = predict(self.store, self.policy, &message, now).await?;
        let is_right = prediction == Prediction::Right;
        let customer = CustomerId::new(&message.group.0).ok();
        if !self.is_dry_run && (!is_right || because == Because::Import) {
            self.enqueue(message).await?;
        }
        Ok(Some((prediction, customer)))
    }

    /// Enqueues an observation, when there is room for it.
    async fn enqueue(&self, message: Message) -> Result<(), Error> {
        loop {
            match self.queue.enqueue(message.clone()).await {
                Ok(_) => return Ok(()),
                Err(QueueError::Full) => sleep(Duration::from_secs(1)).await,
                Err(error) => return Err(Error::Queue(error)),
            }
        }
    }
}

fn count(
    prediction: Prediction,
    customer: Option<CustomerId>,
    answer: &Answer,
    report: &mut Report,
) {
    match prediction {
        Prediction::Right => report.right += 1,
        Prediction::Fixes => report.note_fixed(customer),
        Prediction::Unowned => report.unowned += 1,
        Prediction::Parked(failure) => {
            report.parked += 1;
            if failure.cause == Code::PlanUnmapped {
                let prices = serde_json::from_str::<Prices>(&answer.object);
                let items = prices.map(|prices| prices.items.data).unwrap_or_default();
                for item in items {
                    report.note_unmapped(item.price.id);
                }
            }
        }
    }
}

/// Where a list goes on, or the next one begins. Events are read only if something had to be fixed that should have
/// come by webhook: an import finds what was there before.
fn following(
    place: &Place,
    after: Option<String>,
    because: Because,
    report: &Report,
) -> Option<Place> {
    let (list, after) = match (after, place.list) {
        (Some(_), Listed::Events { part }) if !may_read(part, report) => (place.list.next(), None),
        (Some(after), list) => (list, Some(after)),
        (None, list) => (list.next(), None),
    };
    let is_read = match list {
        Listed::Events { part } => {
            because != Because::Import && !report.customers.is_empty() && may_read(part, report)
        }
        Listed::Customers
        | Listed::Subscriptions
        | Listed::CheckoutSessions
        | Listed::Refunds
        | Listed::Disputes => true,
    };
    is_read.then_some(Place { list, after })
}
