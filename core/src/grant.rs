//! A grant: what one customer's subscriptions and purchases earn for one user under the policy, and until
//! when.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use serde::{Deserialize, Serialize};

use crate::{
    customer::{Ownable, Subscription},
    earned::{self, is_earning},
    fold::State,
    id::UserId,
    owners::Owners,
    policy::{Policy, Role},
    purchase::Purchase,
    subscription::Status,
    time::Timestamp,
};

/// What is shown of a subscription beside its role.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shown {
    /// Stripe's status; `None` for a purchase.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<Status>,
    /// End of its trial, while it is in one.
    #[serde(rename = "trial_ends", skip_serializing_if = "Option::is_none", default)]
    pub trial_ends_at: Option<Timestamp>,
    /// Time at which it will be canceled.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cancel_at: Option<Timestamp>,
    /// Time at which it became past due, while it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub past_due_since: Option<Timestamp>,
}

impl Shown {
    fn new(state: &State<'_>) -> Self {
        let node = state.node;
        let at = |secs: Option<i64>| secs.map(Timestamp::from_secs);
        let period_end = node.cancel_at_period_end.then(|| node.period_ends_at_secs()).flatten();
        let while_in = |status: Status, secs| if node.status == status { at(secs) } else { None };
        Self {
            status: Some(node.status.clone()),
            trial_ends_at: while_in(Status::Trialing, node.trial_ends_at_secs),
            cancel_at: at(node.cancel_at_secs.or(period_end)),
            past_due_since: while_in(Status::PastDue, Some(state.since_secs)),
        }
    }
}

/// A role that a subscription item or a purchase earns, with its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entitlement {
    /// The role.
    pub role: Role,
    /// Time until which it is paid for; `None` if there is no end.
    #[serde(rename = "expires", skip_serializing_if = "Option::is_none", default)]
    pub expires_at: Option<Timestamp>,
    /// Time until which it gives access: the expiry plus the days of grace; `None` if there is no end.
    #[serde(rename = "until", skip_serializing_if = "Option::is_none", default)]
    pub access_until: Option<Timestamp>,
    /// What is shown of the subscription.
    pub shown: Shown,
}

impl Entitlement {
    /// Whether it gives access at that time.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.access_until.is_none_or(|until| until > now)
    }

    /// Whether it lasts longer than another one. One without an end lasts longest.
    #[must_use]
    pub fn outlasts(&self, other: &Self) -> bool {
        self.compare_duration(other).is_gt()
    }

    /// Orders entitlements by how long they last, then by what they show.
    pub(crate) fn compare_duration(&self, other: &Self) -> Ordering {
        let key = |it: &Self| {
            (it.access_until.is_none(), it.access_until, it.expires_at.is_none(), it.expires_at)
        };
        key(self).cmp(&key(other)).then_with(|| self.shown.cmp(&other.shown))
    }
}

/// A purchase of a plan for some days, before it is stacked with others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Pass {
    /// Time at which it was paid.
    pub starts_at: Timestamp,
    /// Days for which it lasts by itself.
    pub days: u32,
    /// The role.
    pub role: Role,
}

/// What a grant is worth at a time: of too many, those that are worth least make room. What was paid for is
/// worth more than any trial: anybody can begin trials for somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Worth {
    pub(crate) paid: Paid,
    rank: usize,
    is_endless: bool,
    until: Option<Timestamp>,
}

/// Whether anything was paid for a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Paid {
    /// It gives no access.
    NoAccess,
    /// It gives access, in a trial or although it is past due, or only features.
    No,
    /// It gives access that was paid for.
    Yes,
}

/// What a customer earns for a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The longest-lasting entitlement for each role, lowest role first.
    #[serde(rename = "roles", skip_serializing_if = "Vec::is_empty", default)]
    entitlements: Vec<Entitlement>,
    /// Purchases of plans for some days, in the order of their start. They add up with those of the user's
    /// other grants.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    passes: Vec<Pass>,
    /// Features of Stripe's entitlements.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    features: BTreeSet<Box<str>>,
    /// A subscription that is not over, and that earns nothing or is past due. It is shown if no
    /// entitlement is active.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    troubled: Option<Shown>,
}

impl Grant {
    /// What a customer earns for each user that owns something of it.
    #[must_use]
    pub fn by_user(owners: &Owners<'_>, policy: &Policy) -> BTreeMap<UserId, Self> {
        let mut grants: BTreeMap<UserId, Self> = BTreeMap::new();
        let customer = owners.customer();
        for (id, subscription, state) in owners.live_states() {
            if let Some(user) = owners.of(Ownable::Subscription(id)) {
                let grant = grants.entry(user.clone()).or_default();
                grant.add_subscription(subscription, state, policy);
            }
        }
        for (id, purchase) in &customer.purchases {
            if let Some(user) = owners.of(Ownable::Purchase(id)) {
                grants.entry(user.clone()).or_default().add_purchase(purchase, policy);
            }
        }
        if !customer.deleted
            && !customer.features.is_empty()
            && let Some(user) = owners.of_features()
        {
            let names = customer.features.names().map(Box::from);
            grants.entry(user.clone()).or_default().features.extend(names);
        }
        grants.retain(|_, grant| {
            grant.sort(policy);
            !grant.is_empty()
        });
        grants
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entitlements.is_empty()
            && self.passes.is_empty()
            && self.features.is_empty()
            && self.troubled.is_none()
    }

    /// Its entitlements.
    pub fn entitlements(&self) -> impl Iterator<Item = &Entitlement> {
        self.entitlements.iter()
    }

    /// Its purchases of plans for some days.
    pub fn passes(&self) -> impl Iterator<Item = &Pass> {
        self.passes.iter()
    }

    /// Its features of Stripe's entitlements.
    pub fn features(&self) -> impl Iterator<Item = &str> {
        self.features.iter().map(|feature| &**feature)
    }

    /// What is shown if no entitlement is active.
    #[must_use]
    pub const fn troubled(&self) -> Option<&Shown> {
        self.troubled.as_ref()
    }

    /// What it is worth at that time. `extends` says whether its passes extend those of other grants.
    pub(crate) fn worth(&self, extends: bool, policy: &Policy, now: Timestamp) -> Worth {
        let entitled = self.entitlements.iter().filter(|it| it.is_active(now)).map(|it| {
            let is_unpaid = matches!(it.shown.status, Some(Status::Trialing | Status::PastDue));
            let paid = if is_unpaid { Paid::No } else { Paid::Yes };
            Worth::new(paid, policy.rank(&it.role), it.access_until)
        });
        let passes = self.passes.iter().filter_map(|pass| {
            let until = pass.starts_at.plus_days(i64::from(pass.days));
            let rank = policy.rank(&pass.role);
            let until = (!extends).then_some(until);
            let is_active = until.is_none_or(|until| until > now);
            // What extends others is never worth less than what it extends.
            is_active.then(|| Worth::new(Paid::Yes, rank, until))
        });
        let paid = if self.features.is_empty() { Paid::NoAccess } else { Paid::No };
        let least = Worth { paid, rank: 0, is_endless: false, until: None };
        entitled.chain(passes).fold(least, Worth::max)
    }

    fn add_subscription(
        &mut self,
        subscription: &Subscription,
        state: &State<'_>,
        policy: &Policy,
    ) {
        if state.node.status.is_terminal() || !earned::is_mapped(subscription, state, policy) {
            return;
        }
        let items = earned::items(subscription, state, policy);
        let is_earning = !items.is_empty() && is_earning(subscription, state, policy);
        if !is_earning || state.node.status == Status::PastDue {
            self.troubled = self.troubled.take().max(Some(Shown::new(state)));
        }
        if !is_earning {
            return;
        }
        for (role, ends_at_secs) in items {
            let expires_at = ends_at_secs.map(Timestamp::from_secs);
            let access_until = expires_at.map(|at| at.plus_days(i64::from(policy.grace_days)));
            let (role, shown) = (role.clone(), Shown::new(state));
            self.add(Entitlement { role, expires_at, access_until, shown });
        }
    }

    fn add_purchase(&mut self, purchase: &Purchase, policy: &Policy) {
        let Some((plan, paid_at_secs)) = earned::purchase(purchase, policy) else { return };
        let role = plan.role.clone();
        match plan.days {
            Some(days) => {
                let starts_at = Timestamp::from_secs(paid_at_secs);
                self.passes.push(Pass { starts_at, days, role });
            }
            None => self.add(Entitlement {
                role,
                expires_at: None,
                access_until: None,
                shown: Shown::default(),
            }),
        }
    }

    fn add(&mut self, new: Entitlement) {
        match self.entitlements.iter_mut().find(|known| known.role == new.role) {
            Some(known) if !new.outlasts(known) => {}
            Some(known) => *known = new,
            None => self.entitlements.push(new),
        }
    }

    fn sort(&mut self, policy: &Policy) {
        self.entitlements
            .sort_by(|a, b| policy.compare(&a.role, &b.role).then(a.role.cmp(&b.role)));
        self.passes.sort_unstable();
    }
}

impl Worth {
    const fn new(paid: Paid, rank: usize, until: Option<Timestamp>) -> Self {
        Self { paid, rank, is_endless: until.is_none(), until }
    }
}

#[cfg(test)]
#[path = "grant_tests.rs"]
mod tests;
