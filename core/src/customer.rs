//! A customer: its subscriptions, its payments, and the user it belongs to.
//!
//! Every part merges in a way that does not depend on order, so the whole is a function of the set
//! of events seen. An event that comes before its user waits here until a link arrives. What the
//! customer earns is the business of `grant`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    fold::{Arrival, Edge, Record, State},
    id::{CustomerId, SubscriptionId, UserId, Version},
    limits::SUBSCRIPTIONS_MAX,
    payment::{Payment, PaymentState},
    stripe::event::{Event, Fact},
    subscription::Status,
};

/// One subscription as its customer knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// What its events say.
    pub record: Record,
    /// What its checkout says of the payment, where there was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payment: Option<Payment>,
}

impl Subscription {
    /// Whether its first payment is still out, or failed and nothing has mended that since: then it
    /// earns nothing, whatever its status.
    #[must_use]
    pub fn is_unpaid(&self, state: State<'_>) -> bool {
        match self.payment {
            None | Some(Payment { state: PaymentState::Paid, .. }) => false,
            Some(Payment { state: PaymentState::Pending, .. }) => true,
            // A good standing that began after the failure was earned by another payment.
            Some(Payment { state: PaymentState::Failed, at_secs }) => {
                state.since_secs <= at_secs || state.node.status != Status::Active
            }
        }
    }
}

/// Who a customer belongs to, by each source that says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Links {
    /// Linked by hand; beats all others.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub manual: Option<UserId>,
    /// `client_reference_id` of the latest checkout that had one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub checkout: Option<Latest<UserId>>,
    /// `metadata.user_id` of the customer itself, or its absence, at the latest event.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub customer: Option<Latest<Option<UserId>>>,
}

/// A last-writer-wins register: the value of the latest second. Within one second the greater value
/// counts, so that the order of arrival does not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Latest<T> {
    /// `created`, in seconds since the epoch.
    pub at_secs: i64,
    /// The value at that second.
    pub value: T,
}

fn keep_latest<T: Ord>(known: &mut Option<Latest<T>>, new: Latest<T>) -> Arrival {
    if known.as_ref().is_some_and(|known| *known >= new) {
        return Arrival::Stale;
    }
    *known = Some(new);
    Arrival::Remembered
}

/// Why an event cannot be taken in.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// More than [`SUBSCRIPTIONS_MAX`] subscriptions.
    #[error("customer {0} has more than {SUBSCRIPTIONS_MAX} subscriptions")]
    TooManySubscriptions(CustomerId),
}

/// A customer: the first aggregate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Stripe's id.
    pub id: CustomerId,
    /// Who it belongs to, by source.
    pub links: Links,
    /// Its subscriptions, ended ones included, so that nothing revives them.
    pub subscriptions: BTreeMap<SubscriptionId, Subscription>,
    /// It was deleted at Stripe, and earns nothing ever after.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub deleted: bool,
    /// How often it was written.
    #[serde(skip)]
    pub version: Version,
}

impl Customer {
    /// A customer of whom nothing is known yet.
    #[must_use]
    pub fn new(id: CustomerId) -> Self {
        Self {
            id,
            links: Links::default(),
            subscriptions: BTreeMap::new(),
            deleted: false,
            version: Version::default(),
        }
    }

    /// Takes an event in.
    pub fn apply(&mut self, event: &Event) -> Result<Arrival, Error> {
        let at_secs = event.created.as_secs();
        match &event.fact {
            Fact::Subscription { id, edge } => self.subscription(id, edge.clone()),
            Fact::Checkout { user, payment } => {
                let linked = user.as_ref().map_or(Arrival::Stale, |user| {
                    let latest = Latest { at_secs, value: user.clone() };
                    keep_latest(&mut self.links.checkout, latest)
                });
                let paid = match payment {
                    Some((id, payment)) => self.pay(id, *payment)?,
                    None => Arrival::Stale,
                };
                Ok(linked.or(paid))
            }
            Fact::Customer { user } => {
                let latest = Latest { at_secs, value: user.clone() };
                Ok(keep_latest(&mut self.links.customer, latest))
            }
            Fact::CustomerDeleted => {
                let known = std::mem::replace(&mut self.deleted, true);
                Ok(if known { Arrival::Stale } else { Arrival::Remembered })
            }
        }
    }

    /// The user it belongs to: linked by hand, else by checkout, else by a subscription's metadata,
    /// else by its own.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        let links = &self.links;
        let checkout = || links.checkout.as_ref().map(|latest| latest.value.clone());
        let own = || links.customer.as_ref().and_then(|latest| latest.value.clone());
        links.manual.clone().or_else(checkout).or_else(|| self.user_by_subscription()).or_else(own)
    }

    /// Subscriptions with their states, in the order of their ids.
    pub fn states(&self) -> impl Iterator<Item = (&SubscriptionId, &Subscription, State<'_>)> {
        self.subscriptions.iter().filter_map(|(id, sub)| Some((id, sub, sub.record.state()?)))
    }

    /// Of several that name a user a live one counts before an ended one, then the latest heard of.
    fn user_by_subscription(&self) -> Option<UserId> {
        self.states()
            .filter_map(|(id, sub, state)| {
                let rank = (!sub.record.is_ended(), sub.record.latest_secs(), id);
                Some((rank, state.node.user.clone()?))
            })
            .max_by(|a, b| a.0.cmp(&b.0))
            .map(|(_, user)| user)
    }

    fn subscription(&mut self, id: &SubscriptionId, edge: Edge) -> Result<Arrival, Error> {
        Ok(self.entry(id)?.record.insert(edge))
    }

    fn pay(&mut self, id: &SubscriptionId, payment: Payment) -> Result<Arrival, Error> {
        let known = &mut self.entry(id)?.payment;
        if known.is_some_and(|known| !payment.supersedes(known)) {
            return Ok(Arrival::Stale);
        }
        *known = Some(payment);
        Ok(Arrival::Remembered)
    }

    fn entry(&mut self, id: &SubscriptionId) -> Result<&mut Subscription, Error> {
        let full = self.subscriptions.len() >= SUBSCRIPTIONS_MAX;
        if full && !self.subscriptions.contains_key(id) {
            self.forget_oldest_ended()
                .ok_or_else(|| Error::TooManySubscriptions(self.id.clone()))?;
        }
        Ok(self.subscriptions.entry(id.clone()).or_default())
    }

    /// Makes room: the subscription that ended longest ago is the least likely to be heard of again.
    fn forget_oldest_ended(&mut self) -> Option<Subscription> {
        let oldest = self
            .subscriptions
            .iter()
            .filter(|(_, sub)| sub.record.is_ended())
            .min_by_key(|(id, sub)| (sub.record.latest_secs(), (*id).clone()))
            .map(|(id, _)| id.clone())?;
        self.subscriptions.remove(&oldest)
    }
}

#[cfg(test)]
#[path = "customer_tests.rs"]
mod tests;
