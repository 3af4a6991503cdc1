//! A subscription, as a part of its customer: the fold of its events, and what outlives that.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    fold::{Arrival, Edge, Observation, Record, State},
    id::{InvoiceId, UserId},
    latest::Latest,
    limits::LOOKUP_KEYS_PER_PRICE_MAX,
    payment::{PaymentReport, PaymentState},
    reversal::GivenBack,
    subscription::{Item, Node, Status},
};

/// A subscription, as a part of its customer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// The fold of its events.
    pub record: Record,
    /// The user that it was linked to by hand.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub link: Option<UserId>,
    /// The user that the latest paid Checkout Session that created it names.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub checkout: Option<Latest<UserId>>,
    /// The first payment, as its Checkout Session reports it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payment: Option<PaymentReport>,
    /// The latest invoice that was paid.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub invoice: Option<LatestInvoice>,
    /// Time at which an invoice was last paid, in seconds since the epoch.
    #[serde(rename = "paid", skip_serializing_if = "Option::is_none", default)]
    pub paid_secs: Option<i64>,
    /// End of its first period, in seconds since the epoch.
    #[serde(rename = "first_ends", skip_serializing_if = "Option::is_none", default)]
    pub first_period_ends_at_secs: Option<i64>,
    /// Latest end of a period in which it was active, in seconds since the epoch.
    #[serde(rename = "active_ends", skip_serializing_if = "Option::is_none", default)]
    pub active_period_ends_at_secs: Option<i64>,
    /// Time at which it last became active from another status, in seconds since the epoch.
    #[serde(rename = "became_active", skip_serializing_if = "Option::is_none", default)]
    pub became_active_secs: Option<i64>,
    /// The lookup keys that each price had. A key that moved to a newer price still counts here.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub lookup_keys: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
}

/// The latest invoice that was paid, and what was given back of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatestInvoice {
    /// Time at which it was created, in seconds since the epoch.
    pub created_secs: i64,
    /// Stripe's id.
    pub id: InvoiceId,
    /// What was given back.
    pub given_back: GivenBack,
}

impl Subscription {
    /// Whether its first payment is pending or has failed, and no other payment has succeeded. Such a
    /// subscription earns nothing, in any status.
    #[must_use]
    pub fn is_unpaid(&self, state: &State<'_>) -> bool {
        match self.payment {
            None | Some(PaymentReport { state: PaymentState::Paid, .. }) => false,
            Some(PaymentReport {
                state: PaymentState::Pending | PaymentState::Failed,
                at_secs,
            }) => !self.is_paid_since(at_secs, state),
        }
    }

    /// Whether something was paid after that second: an invoice was, or the subscription became active, or it
    /// was active in another period than its first. A period that began while nothing was paid proves nothing:
    /// Stripe begins it all the same, with `past_due`. What was proven stays so when a later payment fails.
    fn is_paid_since(&self, at_secs: i64, state: &State<'_>) -> bool {
        let is_later_invoice = self.paid_secs > Some(at_secs);
        let is_later_standing = self.became_active_secs > Some(at_secs)
            || state.node.status == Status::Active && state.since_secs > at_secs;
        let is_later_period = self.active_period_ends_at_secs > self.first_period_ends_at_secs;
        is_later_invoice || is_later_standing || is_later_period
    }

    /// Whether its first payment was never made, and nothing but its own events knows of it.
    pub(super) fn is_unbegun(&self) -> bool {
        let state = self.record.state();
        let is_incomplete = state.is_some_and(|state| state.node.status == Status::Incomplete);
        is_incomplete && self.link.is_none() && self.checkout.is_none() && self.payment.is_none()
    }

    /// What was given back of the invoice that paid for the current period.
    #[must_use]
    pub fn given_back(&self) -> GivenBack {
        self.invoice.as_ref().map_or_else(GivenBack::default, |invoice| invoice.given_back)
    }

    /// The lookup keys that the item's price has had here.
    pub fn known_lookup_keys(&self, item: &Item) -> impl Iterator<Item = &str> {
        let keys = item.price.as_ref().and_then(|price| self.lookup_keys.get(price));
        keys.into_iter().flatten().map(|key| &**key)
    }

    /// The user that its own sources name, best first: its metadata, its checkout.
    pub(crate) fn user(&self) -> Option<&UserId> {
        let own = || self.record.state().and_then(|state| state.node.user.as_ref());
        let checkout = || self.checkout.as_ref().map(|latest| &latest.value);
        own().or_else(checkout)
    }

    pub(super) fn insert(&mut self, edge: Edge) -> Arrival {
        let noted = self.note_all(&edge);
        self.record.insert(edge).or(noted)
    }

    pub(super) fn observe(&mut self, observation: Observation) -> Arrival {
        let noted = self.note(&observation.node);
        self.record.observe(observation).or(noted)
    }

    pub(super) fn check_out(&mut self, user: Option<&UserId>, report: PaymentReport) -> Arrival {
        let linked = user.map_or(Arrival::Stale, |user| {
            let latest = Latest { at_secs: report.at_secs, value: user.clone() };
            latest.merge_into(&mut self.checkout)
        });
        linked.or(report.merge_into(&mut self.payment))
    }

    /// Keeps the latest invoice. What was given back of an earlier one does not count.
    pub(super) fn pay(&mut self, new: LatestInvoice, paid_secs: i64) -> Arrival {
        let mut arrival = Arrival::Stale;
        if self.paid_secs < Some(paid_secs) {
            self.paid_secs = Some(paid_secs);
            arrival = Arrival::Remembered;
        }
        let rank = |invoice: &LatestInvoice| (invoice.created_secs, invoice.id.clone());
        match &self.invoice {
            Some(known) if rank(known) > rank(&new) || *known == new => arrival,
            _ => {
                self.invoice = Some(new);
                Arrival::Remembered
            }
        }
    }

    /// Records what outlives the record, of both nodes of an event.
    pub(crate) fn note_all(&mut self, edge: &Edge) -> Arrival {
        let mut arrival = Arrival::Stale;
        for node in edge.nodes() {
            arrival = self.note(node).or(arrival);
        }
        if edge.becomes_active() && self.became_active_secs < Some(edge.at_secs) {
            self.became_active_secs = Some(edge.at_secs);
            arrival = Arrival::Remembered;
        }
        arrival
    }

    /// Records what outlives the record: the first period, the latest that was active, and the lookup keys.
    pub(crate) fn note(&mut self, node: &Node) -> Arrival {
        let mut arrival = Arrival::Stale;
        if let Some(ends) = node.period_ends_at_secs()
            && self.first_period_ends_at_secs.is_none_or(|first| ends < first)
        {
            self.first_period_ends_at_secs = Some(ends);
            arrival = Arrival::Remembered;
        }
        if node.status == Status::Active
            && self.active_period_ends_at_secs < node.period_ends_at_secs()
        {
            self.active_period_ends_at_secs = node.period_ends_at_secs();
            arrival = Arrival::Remembered;
        }
        for item in &node.items {
            let (Some(price), Some(key)) = (&item.price, &item.lookup_key) else { continue };
            if !self.lookup_keys.get(price).is_some_and(|keys| keys.contains(key)) {
                let keys = self.lookup_keys.entry(price.clone()).or_default();
                if keys.len() < LOOKUP_KEYS_PER_PRICE_MAX {
                    keys.insert(key.clone());
                    arrival = Arrival::Remembered;
                }
            }
        }
        arrival
    }
}
