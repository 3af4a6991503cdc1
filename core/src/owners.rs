//! The owner of each subscription and purchase. A customer as a whole has none.

use std::collections::BTreeSet;

use crate::{
    config::Fetch,
    customer::{Customer, Ownable, Subscription},
    earned,
    fold::State,
    id::{SubscriptionId, UserId},
    observation::{FetchDue, FetchReason, over_at},
    policy::Policy,
    purchase::Purchase,
    subscription::Status,
    time::Timestamp,
};

/// The owners of what a customer has, under a policy. A purchase of something that is no plan has no owner
/// and names nobody.
#[derive(Clone, Debug)]
pub struct Owners<'a> {
    customer: &'a Customer,
    policy: &'a Policy,
    /// The subscriptions with their states, in the order of their ids.
    states: Vec<(&'a SubscriptionId, &'a Subscription, State<'a>)>,
}

/// The users that the sources of one thing name.
struct Sources<'a> {
    link: Option<&'a UserId>,
    own: Option<&'a UserId>,
}

impl<'a> Owners<'a> {
    /// The owners of what a customer has.
    #[must_use]
    pub fn new(customer: &'a Customer, policy: &'a Policy) -> Self {
        Self { customer, policy, states: customer.states().collect() }
    }

    /// The customer.
    #[must_use]
    pub const fn customer(&self) -> &'a Customer {
        self.customer
    }

    /// The subscriptions with their states; none once the customer is deleted.
    pub fn live_states(
        &self,
    ) -> impl Iterator<Item = &(&'a SubscriptionId, &'a Subscription, State<'a>)> {
        self.states.iter().filter(|_| !self.customer.deleted)
    }

    /// The state of a subscription.
    #[must_use]
    pub fn state(&self, id: &SubscriptionId) -> Option<&State<'a>> {
        let found = self.states.binary_search_by(|(known, ..)| (*known).cmp(id)).ok()?;
        self.states.get(found).map(|(.., state)| state)
    }

    /// The user that owns a subscription or a purchase: the first source that names one, whenever it did.
    ///
    /// 1. a link by hand for it; 2. one for the customer; 3. its own metadata; 4. the Checkout Session
    ///    that created it; 5. the customer's metadata; 6. the only user whom everything else of the customer
    ///    names by its own sources.
    #[must_use]
    pub fn of(&self, what: Ownable<'_>) -> Option<&'a UserId> {
        if !self.is_ours(what) {
            return None;
        }
        let Sources { link, own } = self.sources(what)?;
        link.or(self.customer.links.manual.as_ref())
            .or(own)
            .or_else(|| self.customer.user_by_metadata())
            .or_else(|| self.sole_user_beside(what))
    }

    /// All users that own something.
    #[must_use]
    pub fn all(&self) -> BTreeSet<UserId> {
        self.customer.ownables().filter_map(|what| self.of(what).cloned()).collect()
    }

    /// The user that has the customer's features: the only owner of everything live. If nothing live has an
    /// owner, the user that the customer itself is linked to.
    #[must_use]
    pub fn of_features(&self) -> Option<&'a UserId> {
        let live = self.customer.ownables().filter(|what| self.is_live(*what));
        let owners: BTreeSet<&UserId> = live.filter_map(|what| self.of(what)).collect();
        match owners.len() {
            0 => {
                let manual = self.customer.links.manual.as_ref();
                manual.or_else(|| self.customer.user_by_metadata())
            }
            1 => owners.into_iter().next(),
            _ => None,
        }
    }

    /// Time since which something that was paid for, and that the policy maps, has no owner.
    #[must_use]
    pub fn waiting_since(&self) -> Option<Timestamp> {
        let subscriptions = self.live_states().filter_map(|(id, subscription, state)| {
            let is_live =
                matches!(state.node.status, Status::Active | Status::Trialing | Status::PastDue);
            let waits = is_live
                && !subscription.is_unpaid(state)
                && self.of(Ownable::Subscription(id)).is_none()
                && !earned::items(subscription, state, self.policy).is_empty();
            waits.then_some(state.since_secs)
        });
        let purchases = self.customer.purchases.iter().filter_map(|(id, bought)| {
            let (_, paid_at_secs) = earned::purchase(bought, self.policy)?;
            self.of(Ownable::Purchase(id)).is_none().then_some(paid_at_secs)
        });
        subscriptions.chain(purchases).min().map(Timestamp::from_secs)
    }

    /// What an observation would settle, and from when on; of several things the first that is due.
    ///
    /// This follows from what is known, like everything here: the answer that settles it ends it.
    #[must_use]
    pub fn fetch_due(&self) -> Option<FetchDue> {
        let is_always = self.policy.fetch == Fetch::Always;
        let due = self.live_states().filter(move |(_, subscription, state)| {
            state.unclear || (is_always && subscription.record.is_unobserved())
        });
        let subscriptions = due.filter_map(|(_, subscription, state)| {
            let latest_secs = subscription.record.latest_secs()?;
            let is_observed = subscription.record.observed_secs() == Some(latest_secs);
            let because = match state.node.truncated {
                _ if !state.unclear => FetchReason::Unobserved,
                _ if is_observed => FetchReason::Inconclusive,
                true => FetchReason::ItemsTruncated,
                false => FetchReason::Ambiguous,
            };
            let since = Timestamp::from_secs(latest_secs);
            Some(FetchDue { not_before: over_at(latest_secs), since, because })
        });
        let purchases = self.customer.purchases.values().filter_map(|bought| {
            let since = Timestamp::from_secs(bought.paid_at_secs()?);
            let is_open =
                bought.offer.items.is_empty() && earned::plan(&bought.offer, self.policy).is_none();
            let because = FetchReason::LineItems;
            is_open.then_some(FetchDue { not_before: since, since, because })
        });
        subscriptions.chain(purchases).min()
    }

    fn is_live(&self, what: Ownable<'_>) -> bool {
        match what {
            Ownable::Subscription(id) => self.state(id).is_some_and(|state| {
                matches!(state.node.status, Status::Active | Status::Trialing | Status::PastDue)
            }),
            Ownable::Purchase(id) => {
                let known = self.customer.purchases.get(id);
                known.and_then(|known| earned::purchase(known, self.policy)).is_some()
            }
        }
    }

    fn sources(&self, what: Ownable<'_>) -> Option<Sources<'a>> {
        match what {
            Ownable::Subscription(id) => {
                let known = self.customer.subscriptions.get(id)?;
                let metadata = self.state(id).and_then(|state| state.node.user.as_ref());
                let checkout = || known.checkout.as_ref().map(|latest| &latest.value);
                Some(Sources { link: known.link.as_ref(), own: metadata.or_else(checkout) })
            }
            Ownable::Purchase(id) => {
                let known = self.customer.purchases.get(id)?;
                let own = known.checkout.as_ref().map(|latest| &latest.value);
                Some(Sources { link: known.link.as_ref(), own })
            }
        }
    }

    fn sole_user_beside(&self, what: Ownable<'_>) -> Option<&'a UserId> {
        let others =
            self.customer.ownables().filter(|other| *other != what && self.is_ours(*other));
        let mut named = others.filter_map(|other| {
            let Sources { link, own } = self.sources(other)?;
            link.or(own)
        });
        let first = named.next()?;
        named.all(|user| user == first).then_some(first)
    }

    /// Whether it is a subscription or a purchase of a plan.
    fn is_ours(&self, what: Ownable<'_>) -> bool {
        let is_plan = |known: &Purchase| earned::plan(&known.offer, self.policy).is_some();
        match what {
            Ownable::Subscription(_) => true,
            Ownable::Purchase(id) => self.customer.purchases.get(id).is_some_and(is_plan),
        }
    }
}
