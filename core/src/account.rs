//! An account: a user's role, out of all their grants and what was given by hand.
//!
//! Webhooks change grants, operators change the manual role, and neither touches the other. The
//! revocation id goes up by exactly one when the effective role changes, and never otherwise.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    grant::{Entitlement, Grant},
    id::{CustomerId, EventId, RevocationId, UserId, Version},
    limits::CUSTOMERS_PER_USER_MAX,
    policy::{Policy, Role},
    time::Timestamp,
};

/// What is shown of a user's subscriptions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Whether some subscription gives access.
    #[serde(rename = "active", skip_serializing_if = "std::ops::Not::not", default)]
    pub subscription_active: bool,
    /// The end of the paid period of the best subscription.
    #[serde(rename = "expires", skip_serializing_if = "Option::is_none", default)]
    pub subscription_expires_at: Option<Timestamp>,
}

/// What a user may do at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The role.
    pub role: Role,
    /// What is shown of their subscriptions.
    pub standing: Standing,
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
    pub revoked_before: RevocationId,
    /// What each customer earns.
    pub grants: BTreeMap<CustomerId, Grant>,
    /// The role given by hand.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub manual_role: Option<Role>,
    /// What was shown of the subscriptions when last committed.
    pub standing: Standing,
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
            standing: Standing::default(),
            role_assigned_at: None,
            role_assigned_by: None,
            version: Version::default(),
        }
    }

    /// What the user may do at that time, webhook or not: an expiry counts when its grace is over.
    #[must_use]
    pub fn effective(&self, policy: &Policy, now: Timestamp) -> Effective {
        let best = self.best(policy, now);
        let earned = best.map_or(policy.lowest(), |entitlement| &entitlement.role);
        let role = match &self.manual_role {
            Some(manual) if policy.compare(manual, earned).is_gt() => manual,
            _ => earned,
        };
        let standing = Standing {
            subscription_active: best.is_some(),
            subscription_expires_at: best.and_then(|entitlement| entitlement.expires_at),
        };
        Effective { role: role.clone(), standing }
    }

    /// The next time at which an entitlement expires: the account must be settled again then.
    #[must_use]
    pub fn next_expiry(&self, now: Timestamp) -> Option<Timestamp> {
        let ends = self.grants.values().flat_map(Grant::entitlements);
        ends.filter_map(|entitlement| entitlement.access_until).filter(|until| *until > now).min()
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
        self.standing = effective.standing;
        if effective.role == self.role {
            return None;
        }
        self.revocation_id = self.revocation_id.next();
        self.role_assigned_at = Some(now);
        self.role_assigned_by = Some(by.clone());
        Some(std::mem::replace(&mut self.role, effective.role))
    }

    /// The highest role that a grant gives now; of equals the longest-lasting.
    fn best(&self, policy: &Policy, now: Timestamp) -> Option<&Entitlement> {
        let all = self.grants.values().flat_map(Grant::entitlements);
        all.filter(|entitlement| entitlement.is_active(now))
            .max_by(|a, b| policy.compare(&a.role, &b.role).then_with(|| a.compare_duration(b)))
    }
}

#[cfg(test)]
#[path = "account_tests.rs"]
mod tests;
