//! An account: a user's role, out of all their grants and what was given by hand.
//!
//! Webhooks change grants, operators change the manual role, and neither touches the other. The
//! revocation id goes up by exactly one when the effective role changes, and never otherwise.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    grant::{Earned, Grant},
    id::{CustomerId, EventId, RevocationId, UserId, Version},
    limits::CUSTOMERS_PER_USER_MAX,
    policy::{Policy, Role},
    time::Timestamp,
};

/// What a user may do at one moment, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The role.
    pub role: Role,
    /// Some subscription gives access.
    pub subscription_active: bool,
    /// Until when the best subscription is paid for.
    pub subscription_expires_at: Option<Timestamp>,
    /// When this stops being true unless something happens before.
    pub lapses_at: Option<Timestamp>,
}

/// Why a grant cannot be taken in.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// More than [`CUSTOMERS_PER_USER_MAX`] customers.
    #[error("user {0} has more than {CUSTOMERS_PER_USER_MAX} Stripe customers")]
    TooManyCustomers(UserId),
}

/// A user's account: the second aggregate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The host's id of the person.
    pub user: UserId,
    /// The effective role when last committed.
    pub role: Role,
    /// How often it changed.
    pub revocation_id: RevocationId,
    /// Tokens with a smaller revocation id cannot even be refreshed.
    #[serde(default)]
    pub revoked_before: RevocationId,
    /// What each customer earns.
    #[serde(default)]
    pub grants: BTreeMap<CustomerId, Grant>,
    /// The role given by hand.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub manual_role: Option<Role>,
    /// Some subscription gives access.
    #[serde(default)]
    pub subscription_active: bool,
    /// Until when the best subscription is paid for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subscription_expires_at: Option<Timestamp>,
    /// When the role last changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub role_assigned_at: Option<Timestamp>,
    /// The event that changed it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub role_assigned_by: Option<EventId>,
    /// How often the account was written.
    #[serde(skip)]
    pub version: Version,
}

impl Account {
    /// The account of a user nobody has heard of: the lowest role, revocation id 0.
    #[must_use]
    pub fn new(user: UserId, policy: &Policy) -> Self {
        Self {
            user,
            role: policy.lowest().clone(),
            revocation_id: RevocationId::default(),
            revoked_before: RevocationId::default(),
            grants: BTreeMap::new(),
            manual_role: None,
            subscription_active: false,
            subscription_expires_at: None,
            role_assigned_at: None,
            role_assigned_by: None,
            version: Version::default(),
        }
    }

    /// What the user may do at that time, webhook or not: an expiry counts when its grace is over.
    #[must_use]
    pub fn effective(&self, policy: &Policy, now: Timestamp) -> Effective {
        let best = self.best(policy, now);
        let earned = best.map_or(policy.lowest(), |earned| &earned.role);
        let role = match &self.manual_role {
            Some(manual) if policy.compare(manual, earned).is_gt() => manual,
            _ => earned,
        };
        Effective {
            role: role.clone(),
            subscription_active: best.is_some(),
            subscription_expires_at: best.and_then(|earned| earned.expires_at),
            lapses_at: best.and_then(|earned| earned.access_until),
        }
    }

    /// When the account should be looked at again: at the next end of an access that it has.
    #[must_use]
    pub fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        let ends = self.grants.values().flat_map(Grant::earned);
        ends.filter_map(|earned| earned.access_until).filter(|until| *until > now).min()
    }

    /// Replaces what a customer earns; says whether that is anything new.
    pub fn set_grant(&mut self, customer: &CustomerId, grant: Grant) -> Result<bool, Error> {
        if grant.is_empty() {
            return Ok(self.grants.remove(customer).is_some());
        }
        if self.grants.get(customer) == Some(&grant) {
            return Ok(false);
        }
        if self.grants.len() >= CUSTOMERS_PER_USER_MAX && !self.grants.contains_key(customer) {
            return Err(Error::TooManyCustomers(self.user.clone()));
        }
        self.grants.insert(customer.clone(), grant);
        Ok(true)
    }

    /// Brings the committed role up to what is effective now; says which role it was where it
    /// changed.
    pub fn settle(&mut self, policy: &Policy, now: Timestamp, by: &EventId) -> Option<Role> {
        let effective = self.effective(policy, now);
        self.subscription_active = effective.subscription_active;
        self.subscription_expires_at = effective.subscription_expires_at;
        if effective.role == self.role {
            return None;
        }
        self.revocation_id = self.revocation_id.next();
        self.role_assigned_at = Some(now);
        self.role_assigned_by = Some(by.clone());
        Some(std::mem::replace(&mut self.role, effective.role))
    }

    /// The highest role that a grant gives now; of equals the longest-lasting.
    fn best(&self, policy: &Policy, now: Timestamp) -> Option<&Earned> {
        self.grants.values().flat_map(Grant::earned).filter(|earned| earned.lasts(now)).max_by(
            |a, b| {
                policy
                    .compare(&a.role, &b.role)
                    .then_with(|| a.duration_key().cmp(&b.duration_key()))
            },
        )
    }
}

#[cfg(test)]
#[path = "account_tests.rs"]
mod tests;
