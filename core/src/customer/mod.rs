//! A customer: its subscriptions and purchases, and the users that own them.
//!
//! Every part merges independently of order, so the customer is a function of the set of its events. An
//! event that arrives before the link to its user waits here. `grant` computes what the customer earns.

mod features;
mod forgotten;
mod subscription;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    fold::{Arrival, State},
    id::{CustomerId, InvoiceId, PurchaseId, SubscriptionId, UserId, Version},
    invoice::Paid,
    latest::Latest,
    limits::{PURCHASES_MAX, SUBSCRIPTIONS_MAX},
    observation::FetchDue,
    purchase::{Offer, Order, Purchase},
    reversal::GivenBack,
    stripe::event::{Event, Fact},
    time::Timestamp,
};

pub use features::{FeatureList, Features};
pub use forgotten::Forgotten;
pub use subscription::{LatestInvoice, Subscription};

/// Something that a user can own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownable<'a> {
    /// A subscription.
    Subscription(&'a SubscriptionId),
    /// A purchase.
    Purchase(&'a PurchaseId),
}

/// The users that the sources of a customer name, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named<'a> {
    /// None.
    Nobody,
    /// Only this one.
    One(&'a UserId),
    /// More than one.
    Several,
}

/// The users that a customer is linked to as a whole, by source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Links {
    /// The link that an operator made by hand.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub manual: Option<UserId>,
    /// The user that the customer's own metadata names at the latest event, which may be absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub customer: Option<Latest<Option<UserId>>>,
}

/// Why an event cannot be applied.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// More than [`SUBSCRIPTIONS_MAX`] subscriptions.
    #[error("customer {0} has more than {SUBSCRIPTIONS_MAX} subscriptions")]
    TooManySubscriptions(CustomerId),
    /// An event of an unknown subscription, as old as others that ended and are forgotten.
    #[error(
        "customer {0} had more subscriptions than are remembered; this one may have ended long ago"
    )]
    MayBeForgotten(CustomerId),
    /// More than [`PURCHASES_MAX`] purchases.
    #[error("customer {0} has more than {PURCHASES_MAX} purchases that name a plan")]
    TooManyPurchases(CustomerId),
}

/// A customer: the first aggregate. A guest's purchase is a customer of its own, with the purchase's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Stripe's id.
    pub id: CustomerId,
    /// Its links to users.
    pub links: Links,
    /// Its subscriptions. Ended ones are kept so that no event revives them.
    pub subscriptions: BTreeMap<SubscriptionId, Subscription>,
    /// Its subscriptions that ended and had to make room.
    #[serde(skip_serializing_if = "Forgotten::is_empty", default)]
    pub forgotten: Forgotten,
    /// Its purchases that name a plan.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub purchases: BTreeMap<PurchaseId, Purchase>,
    /// Its features of Stripe's entitlements.
    #[serde(skip_serializing_if = "Features::is_empty", default)]
    pub features: Features,
    /// Whether it was deleted at Stripe. Its subscriptions have ended; its purchases last.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub deleted: bool,
    /// Time since which something that was paid for has no owner.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub waiting_since: Option<Timestamp>,
    /// Whether Stripe should be asked about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fetch_due: Option<FetchDue>,
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
            forgotten: Forgotten::default(),
            purchases: BTreeMap::new(),
            features: Features::default(),
            deleted: false,
            waiting_since: None,
            fetch_due: None,
            version: Version::default(),
        }
    }

    /// Applies an event.
    pub fn apply(&mut self, event: &Event) -> Result<Arrival, Error> {
        let at_secs = event.as_of_secs();
        match &event.fact {
            Fact::Subscription { id, .. }
            | Fact::SubscriptionObserved { id, .. }
            | Fact::Checkout { id, .. }
                if self.forgotten.contains(id) =>
            {
                Ok(Arrival::Stale)
            }
            Fact::Subscription { id, edge } => {
                Ok(self.reported(id, edge.at_secs)?.insert(edge.clone()))
            }
            Fact::SubscriptionObserved { id, observation } => {
                let is_over = observation.node.status.is_terminal();
                let is_known = self.subscriptions.contains_key(id);
                if is_over && !is_known && self.forgotten.may_include(observation.since_secs) {
                    return Ok(Arrival::Stale);
                }
                let from_secs = observation.window.from_secs;
                Ok(self.reported(id, from_secs)?.observe(observation.clone()))
            }
            Fact::Checkout { id, user, report } => {
                Ok(self.entry(id)?.check_out(user.as_ref(), *report))
            }
            Fact::Purchase(order) => self.purchase(order),
            Fact::Customer { user } => {
                let latest = Latest { at_secs, value: user.clone() };
                Ok(latest.merge_into(&mut self.links.customer))
            }
            Fact::CustomerDeleted => {
                let known = std::mem::replace(&mut self.deleted, true);
                Ok(if known { Arrival::Stale } else { Arrival::Remembered })
            }
            Fact::Features(list) => Ok(self.features.insert(at_secs, list)),
            // Payments and invoices lead these to the customer.
            Fact::Invoice { .. }
            | Fact::InvoicePayment { .. }
            | Fact::Reversal { .. }
            | Fact::Unrelated => Ok(Arrival::Stale),
        }
    }

    /// Forgets the oldest purchase that is no plan, if a new one would exceed the limit.
    pub fn make_room_for(&mut self, new: &PurchaseId, is_plan: impl Fn(&Offer) -> bool) {
        if self.purchases.len() < PURCHASES_MAX || self.purchases.contains_key(new) {
            return;
        }
        let foreign = self.purchases.iter().filter(|(_, known)| !is_plan(&known.offer));
        let oldest = foreign.min_by_key(|(id, known)| (known.report.map(|it| it.at_secs), *id));
        if let Some(id) = oldest.map(|(id, _)| id.clone()) {
            self.purchases.remove(&id);
        }
    }

    /// Records that an invoice of a subscription was paid, and what was given back of it.
    pub fn pay(
        &mut self,
        id: &InvoiceId,
        subscription: &SubscriptionId,
        paid: &Paid,
        given_back: GivenBack,
    ) -> Result<Arrival, Error> {
        if self.forgotten.contains(subscription) {
            return Ok(Arrival::Stale);
        }
        let invoice = LatestInvoice { created_secs: paid.created_secs, id: id.clone(), given_back };
        Ok(self.entry(subscription)?.pay(invoice, paid.paid_secs))
    }

    /// Records what was given back of a purchase.
    pub fn give_back(&mut self, id: &PurchaseId, given_back: GivenBack) -> Arrival {
        match self.purchases.get_mut(id) {
            Some(purchase) if purchase.given_back != given_back => {
                purchase.given_back = given_back;
                Arrival::Remembered
            }
            Some(_) | None => Arrival::Stale,
        }
    }

    /// The subscriptions and their states, in the order of their ids.
    pub fn states(&self) -> impl Iterator<Item = (&SubscriptionId, &Subscription, State<'_>)> {
        self.subscriptions.iter().filter_map(|(id, sub)| Some((id, sub, sub.record.state()?)))
    }

    /// Everything that a user can own.
    pub fn ownables(&self) -> impl Iterator<Item = Ownable<'_>> {
        let subscriptions = self.subscriptions.keys().map(Ownable::Subscription);
        subscriptions.chain(self.purchases.keys().map(Ownable::Purchase))
    }

    /// The user that its own metadata names.
    #[must_use]
    pub fn user_by_metadata(&self) -> Option<&UserId> {
        self.links.customer.as_ref().and_then(|latest| latest.value.as_ref())
    }

    /// Every user that any of its sources names. Under any policy, nobody else owns anything of it.
    #[must_use]
    pub fn named_users(&self) -> BTreeSet<UserId> {
        let subscriptions =
            self.subscriptions.values().flat_map(|known| known.link.iter().chain(known.user()));
        let purchases = self.purchases.values().flat_map(|known| {
            known.link.iter().chain(known.checkout.as_ref().map(|latest| &latest.value))
        });
        let own = self.links.manual.iter().chain(self.user_by_metadata());
        subscriptions.chain(purchases).chain(own).cloned().collect()
    }

    /// How many users its sources name or once named, whatever the order of its events.
    #[must_use]
    pub fn named(&self) -> Named<'_> {
        let subscriptions = self.subscriptions.values().flat_map(|known| {
            let checkout = known.checkout.as_ref().map(|latest| &latest.value);
            known.record.users().chain(&known.link).chain(checkout)
        });
        let purchases = self.purchases.values().flat_map(|known| {
            known.link.iter().chain(known.checkout.as_ref().map(|latest| &latest.value))
        });
        let own = self.links.manual.iter().chain(self.user_by_metadata());
        let mut users = subscriptions.chain(purchases).chain(own);
        match users.next() {
            None => Named::Nobody,
            Some(first) if users.all(|user| user == first) => Named::One(first),
            Some(_) => Named::Several,
        }
    }

    /// Whether any of its sources names a user, or once did.
    #[must_use]
    pub fn mentions(&self, user: &UserId) -> bool {
        self.mentioned().any(|known| known == user)
    }

    /// Whether they name this user and nobody else.
    #[must_use]
    pub fn mentions_only(&self, user: &UserId) -> bool {
        self.mentions(user) && self.mentioned().all(|known| known == user)
    }

    /// Whether nothing is known of it.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        *self == Self { version: self.version, ..Self::new(self.id.clone()) }
    }

    /// Forgets everything about it.
    pub fn clear(&mut self) {
        *self = Self { version: self.version, ..Self::new(self.id.clone()) };
    }

    /// Every user that is named anywhere in it.
    fn mentioned(&self) -> impl Iterator<Item = &UserId> {
        let subscriptions = self.subscriptions.values().flat_map(|known| {
            let checkout = known.checkout.as_ref().map(|latest| &latest.value);
            known.record.mentioned().chain(&known.link).chain(checkout)
        });
        let purchases = self.purchases.values().flat_map(|known| {
            known.link.iter().chain(known.checkout.as_ref().map(|latest| &latest.value))
        });
        let own = self.links.manual.iter().chain(self.user_by_metadata());
        subscriptions.chain(purchases).chain(own)
    }

    /// The user that its sources name, if there is only one: a hint about which account to load.
    #[must_use]
    pub fn sole_user(&self) -> Option<UserId> {
        match self.named() {
            Named::One(user) => Some(user.clone()),
            Named::Nobody | Named::Several => None,
        }
    }

    fn purchase(&mut self, order: &Order) -> Result<Arrival, Error> {
        if self.purchases.len() >= PURCHASES_MAX && !self.purchases.contains_key(&order.id) {
            return Err(Error::TooManyPurchases(self.id.clone()));
        }
        Ok(self.purchases.entry(order.id.clone()).or_default().apply(order))
    }

    /// The subscription that is reported to be in some state as of a second.
    fn reported(&mut self, id: &SubscriptionId, at_secs: i64) -> Result<&mut Subscription, Error> {
        if !self.subscriptions.contains_key(id) && self.forgotten.may_include(at_secs) {
            return Err(Error::MayBeForgotten(self.id.clone()));
        }
        self.entry(id)
    }

    fn entry(&mut self, id: &SubscriptionId) -> Result<&mut Subscription, Error> {
        let is_full = self.subscriptions.len() >= SUBSCRIPTIONS_MAX;
        if is_full && !self.subscriptions.contains_key(id) {
            self.make_room().ok_or_else(|| Error::TooManySubscriptions(self.id.clone()))?;
        }
        Ok(self.subscriptions.entry(id.clone()).or_default())
    }

    /// Makes room: the subscription that ended longest ago is the least likely to have another event. If none
    /// has ended, one that nobody has begun to pay for goes; its next event brings it back.
    fn make_room(&mut self) -> Option<()> {
        let may_go = |sub: &Subscription| sub.record.is_ended() || sub.is_unbegun();
        let oldest = self
            .subscriptions
            .iter()
            .filter(|(_, sub)| may_go(sub))
            .min_by_key(|(id, sub)| {
                (!sub.record.is_ended(), sub.record.latest_secs(), (*id).clone())
            })
            .map(|(id, _)| id.clone())?;
        let gone = self.subscriptions.remove(&oldest)?;
        if gone.record.is_ended() {
            self.forgotten.add(oldest, gone.record.latest_secs().unwrap_or(i64::MIN));
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
