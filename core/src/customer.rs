//! A customer: its subscriptions, its payments, and the user it belongs to.
//!
//! Every part merges independently of order, so the customer is a function of the set of its events. An
//! event that arrives before the link to its user waits here. What the customer earns is the business of
//! `grant`.

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
    /// The fold of its events.
    pub record: Record,
    /// The payment of its checkout, if it came from one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payment: Option<Payment>,
}

impl Subscription {
    /// Whether its first payment is still pending, or has failed and no later payment has succeeded. Such
    /// a subscription earns nothing, whatever its status.
    #[must_use]
    pub fn is_unpaid(&self, state: State<'_>) -> bool {
        match self.payment {
            None | Some(Payment { state: PaymentState::Paid, .. }) => false,
            Some(Payment { state: PaymentState::Pending, .. }) => true,
            // A status of `active` that began after the failure follows from another payment.
            Some(Payment { state: PaymentState::Failed, at_secs }) => {
                state.since_secs <= at_secs || state.node.status != Status::Active
            }
        }
    }
}

/// The users that a customer is linked to, by source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Links {
    /// The link that an operator made by hand. It takes precedence over all others.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub manual: Option<UserId>,
    /// `client_reference_id` of the latest checkout that has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub checkout: Option<Latest<UserId>>,
    /// `metadata.user_id` of the customer itself at the latest event, which may be absent.
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

/// Why an event cannot be applied.
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
    /// Its links to users.
    pub links: Links,
    /// Its subscriptions. Ended ones are kept so that no event revives them.
    pub subscriptions: BTreeMap<SubscriptionId, Subscription>,
    /// It was deleted at Stripe. It earns nothing from then on.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub deleted: bool,
    /// The number of times that it was written.
    #[serde(skip)]
    pub version: Version,
}

impl Customer {
    /// A customer about which nothing is known yet.
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

    /// Applies an event.
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

    /// The user that it belongs to: linked by hand, else by a checkout, else by the metadata of a
    /// subscription, else by its own metadata.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        let links = &self.links;
        let checkout = || links.checkout.as_ref().map(|latest| latest.value.clone());
        let own = || links.customer.as_ref().and_then(|latest| latest.value.clone());
        links.manual.clone().or_else(checkout).or_else(|| self.user_by_subscription()).or_else(own)
    }

    /// The subscriptions and their states, in the order of their ids.
    pub fn states(&self) -> impl Iterator<Item = (&SubscriptionId, &Subscription, State<'_>)> {
        self.subscriptions.iter().filter_map(|(id, sub)| Some((id, sub, sub.record.state()?)))
    }

    /// The user that the subscriptions name. A live subscription takes precedence over an ended one, and
    /// then the one with the latest event.
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

    /// Removes the subscription that ended longest ago, as the least likely to have another event.
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
