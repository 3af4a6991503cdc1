//! The owner of a thing: the first source that names a user counts, whenever it did; within a
//! source, the latest name.

use std::collections::BTreeSet;

use super::super::objects::{LinkTarget, Mode, Session};
use super::Oracle;

/// Something that may belong to a user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Thing {
    Subscription(String),
    /// The id of the session.
    Purchase(String),
}

/// A name, and the second in which it was reported. The greatest of several counts.
type Said = (i64, String);

impl Oracle<'_> {
    /// All subscriptions, and all paid purchases of a plan.
    pub(crate) fn things(&self) -> Vec<Thing> {
        let subscriptions = self.world.subscriptions.values().filter(|subscription| {
            subscription.created <= self.at && self.counts(Some(&subscription.customer))
        });
        let purchases = self.world.sessions.values().filter(|session| self.is_purchase(session));
        let subscriptions = subscriptions.map(|it| Thing::Subscription(it.id.clone()));
        subscriptions.chain(purchases.map(|it| Thing::Purchase(it.id.clone()))).collect()
    }

    /// Whether a customer's account counts.
    fn counts(&self, customer: Option<&str>) -> bool {
        self.world.rules.counts(self.world.account_of(customer).as_deref())
    }

    /// The customer of a thing; `None` for a guest's purchase.
    pub(crate) fn customer_of(&self, thing: &Thing) -> Option<String> {
        match thing {
            Thing::Subscription(id) => {
                self.world.subscriptions.get(id).map(|it| it.customer.clone())
            }
            Thing::Purchase(id) => self.world.sessions.get(id).and_then(|it| it.customer.clone()),
        }
    }

    /// The user who owns a thing.
    pub(crate) fn owner(&self, thing: &Thing) -> Option<String> {
        let customer = self.customer_of(thing);
        let customer = customer.as_deref();
        self.linked_by_hand(thing)
            .or_else(|| self.customer_linked_by_hand(customer?))
            .or_else(|| self.own_metadata(thing))
            .or_else(|| self.own_session(thing))
            .or_else(|| self.customer_metadata(customer?))
            .or_else(|| self.only_name_of_others(customer?, thing))
    }

    /// Source 1: a link by hand for the thing.
    fn linked_by_hand(&self, thing: &Thing) -> Option<String> {
        match thing {
            Thing::Subscription(id) => self.link(&LinkTarget::Subscription(id.clone())),
            Thing::Purchase(_) => None,
        }
    }

    /// Source 2: a link by hand for the customer.
    pub(super) fn customer_linked_by_hand(&self, customer: &str) -> Option<String> {
        self.link(&LinkTarget::Customer(customer.to_owned()))
    }

    fn link(&self, target: &LinkTarget) -> Option<String> {
        let links =
            self.world.links.iter().filter(|link| link.target == *target && link.at <= self.at);
        later(links.map(|link| (link.at, link.user.clone())))
    }

    /// Source 3: the subscription's own metadata.
    fn own_metadata(&self, thing: &Thing) -> Option<String> {
        let Thing::Subscription(id) = thing else {
            return None;
        };
        let states = self.world.subscriptions.get(id)?.history.iter();
        let known = states.filter(|state| state.at <= self.at);
        later(
            known.filter_map(|state| {
                Some((state.at, self.world.rules.named(&state.value.metadata)?))
            }),
        )
    }

    /// Source 4: the session that created it, if it is paid.
    fn own_session(&self, thing: &Thing) -> Option<String> {
        let made = self.world.sessions.values().filter(|session| match thing {
            Thing::Subscription(id) => {
                session.mode == Mode::Subscription && session.subscription.as_ref() == Some(id)
            }
            Thing::Purchase(id) => session.id == *id,
        });
        later(made.filter_map(|session| {
            let known = session.reports.iter().filter(|report| report.at <= self.at);
            let paid =
                known.filter(|report| report.value.is_paid()).map(|report| report.at).max()?;
            Some((paid, self.named_by_session(session)?))
        }))
    }

    fn named_by_session(&self, session: &Session) -> Option<String> {
        let reference = session.client_reference_id.clone().filter(|name| !name.is_empty());
        reference.or_else(|| self.world.rules.named(&session.metadata))
    }

    /// Source 5: the customer's metadata.
    pub(super) fn customer_metadata(&self, customer: &str) -> Option<String> {
        let said = self.world.customers.get(customer)?.metadata.iter();
        let known = said.filter(|said| said.at <= self.at);
        later(known.filter_map(|said| Some((said.at, self.world.rules.named(&said.value)?))))
    }

    /// Source 6: the only user whom the other things of the customer name.
    fn only_name_of_others(&self, customer: &str, thing: &Thing) -> Option<String> {
        let others = self.things().into_iter().filter(|other| other != thing);
        let others = others.filter(|other| self.customer_of(other).as_deref() == Some(customer));
        let vouching = others.filter(|other| self.vouches(other));
        let names = vouching.filter_map(|other| self.own_name(&other)).collect::<BTreeSet<_>>();
        let mut names = names.into_iter();
        names.next().filter(|_| names.next().is_none())
    }

    /// The name by sources 1, 3 and 4.
    pub(crate) fn own_name(&self, thing: &Thing) -> Option<String> {
        self.linked_by_hand(thing)
            .or_else(|| self.own_metadata(thing))
            .or_else(|| self.own_session(thing))
    }

    fn vouches(&self, thing: &Thing) -> bool {
        let readings = self.readings;
        match thing {
            Thing::Subscription(id) => {
                (readings.ended_subscriptions_vouch || !self.is_over(id))
                    && (readings.unmapped_subscriptions_count || self.is_mapped(id))
            }
            Thing::Purchase(id) => {
                readings.reversed_purchases_vouch || !self.is_purchase_reversed(id)
            }
        }
    }
}

fn later(said: impl Iterator<Item = Said>) -> Option<String> {
    said.max().map(|(_, name)| name)
}
