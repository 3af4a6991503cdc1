//! A grant: what one customer's subscriptions earn under the policy, and until when.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::{
    customer::Customer,
    fold::State,
    policy::{PastDue, Policy, Role},
    subscription::{Node, Status},
    time::Timestamp,
};

/// A role that a subscription earns, with its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entitlement {
    /// The role.
    pub role: Role,
    /// Time until which it is paid for; `None` if Stripe names no end.
    #[serde(rename = "expires", skip_serializing_if = "Option::is_none", default)]
    pub expires_at: Option<Timestamp>,
    /// Time until which it gives access: the expiry plus the days of grace; `None` is without end.
    #[serde(rename = "until", skip_serializing_if = "Option::is_none", default)]
    pub access_until: Option<Timestamp>,
}

impl Entitlement {
    /// Whether it gives access at that time.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.access_until.is_none_or(|until| until > now)
    }

    /// Whether it lasts longer than another. Without an end is longest.
    #[must_use]
    pub fn outlasts(&self, other: &Self) -> bool {
        self.compare_duration(other).is_gt()
    }

    /// Orders entitlements by how long they last.
    pub(crate) fn compare_duration(&self, other: &Self) -> Ordering {
        let key = |it: &Self| {
            (it.access_until.is_none(), it.access_until, it.expires_at.is_none(), it.expires_at)
        };
        key(self).cmp(&key(other))
    }
}

/// What one customer's subscriptions earn: the longest-lasting entitlement for each role, lowest role
/// first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Grant(Vec<Entitlement>);

impl Grant {
    /// The grant of a customer.
    #[must_use]
    pub fn from_customer(customer: &Customer, policy: &Policy) -> Self {
        let mut grant = Self::default();
        if customer.deleted {
            return grant;
        }
        for (_, subscription, state) in customer.states() {
            if subscription.is_unpaid(state) {
                continue;
            }
            if let Some(entitlement) = entitlement(state, policy) {
                grant.add(entitlement);
            }
        }
        grant.0.sort_by(|a, b| policy.compare(&a.role, &b.role).then(a.role.cmp(&b.role)));
        grant
    }

    /// Whether it earns nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its entitlements.
    pub fn entitlements(&self) -> impl Iterator<Item = &Entitlement> {
        self.0.iter()
    }

    fn add(&mut self, new: Entitlement) {
        match self.0.iter_mut().find(|known| known.role == new.role) {
            Some(known) if !new.outlasts(known) => {}
            Some(known) => *known = new,
            None => self.0.push(new),
        }
    }
}

/// Whether a status gives access under the policy.
#[must_use]
pub const fn gives_access(status: &Status, policy: &Policy) -> bool {
    match status {
        Status::Active | Status::Trialing => true,
        Status::PastDue => matches!(policy.past_due, PastDue::Keep),
        Status::Unpaid
        | Status::Canceled
        | Status::Incomplete
        | Status::IncompleteExpired
        | Status::Paused
        | Status::Other(_) => false,
    }
}

/// Whether a subscription that gives access has no item that the policy maps to a role.
#[must_use]
pub fn is_unmapped(node: &Node, policy: &Policy) -> bool {
    gives_access(&node.status, policy)
        && node.items.iter().all(|item| policy.role_for_item(item).is_none())
}

/// The entitlement of one subscription: the highest role that an item earns, until the earliest end of the
/// items that earn it.
fn entitlement(state: State<'_>, policy: &Policy) -> Option<Entitlement> {
    let node = state.node;
    if !gives_access(&node.status, policy) {
        return None;
    }
    let role = node
        .items
        .iter()
        .filter_map(|item| policy.role_for_item(item))
        .max_by(|a, b| policy.compare(a, b))?;
    let ends = node
        .items
        .iter()
        .filter(|item| policy.role_for_item(item) == Some(role))
        .filter_map(|item| item.ends_at_secs)
        .min();
    let paid_until = match node.status {
        // The period advances even when a renewal fails; what was paid for ended at that moment.
        Status::PastDue => Some(ends.map_or(state.since_secs, |ends| ends.min(state.since_secs))),
        Status::Active
        | Status::Trialing
        | Status::Unpaid
        | Status::Canceled
        | Status::Incomplete
        | Status::IncompleteExpired
        | Status::Paused
        | Status::Other(_) => ends,
    };
    let expires_at = paid_until.map(Timestamp::from_secs);
    let access_until = expires_at.map(|at| at.plus_days(i64::from(policy.grace_days)));
    Some(Entitlement { role: role.clone(), expires_at, access_until })
}

#[cfg(test)]
#[path = "grant_tests.rs"]
mod tests;
