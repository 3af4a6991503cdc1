//! An account: a user's role, which follows from all their grants and the manual role.
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

/// What is shown about a user's subscriptions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Whether any subscription gives access.
    #[serde(rename = "active", skip_serializing_if = "std::ops::Not::not", default)]
    pub subscription_active: bool,
    /// The end of the paid period of the best subscription.
    #[serde(rename = "expires", skip_serializing_if = "Option::is_none", default)]
    pub subscription_expires_at: Option<Timestamp>,
}

/// A user's role at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The role.
    pub role: Role,
    /// The standing at that moment.
    pub standing: Standing,
}

/// Why a grant cannot be stored.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// More than [`CUSTOMERS_PER_USER_MAX`] customers.
    #[error("user {0} has more than {CUSTOMERS_PER_USER_MAX} Stripe customers")]
    TooManyCustomers(UserId),
}

/// A user's account: the second aggregate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The host's id of the user.
    pub user: UserId,
    /// The effective role at the last commit.
    pub role: Role,
    /// The number of changes of the role.
    pub revocation_id: RevocationId,
    /// Tokens with a smaller revocation id cannot be refreshed.
    pub revoked_before: RevocationId,
    /// What each of the user's customers earns.
    pub grants: BTreeMap<CustomerId, Grant>,
    /// The role that an operator assigned by hand.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub manual_role: Option<Role>,
    /// The standing at the last commit.
    pub standing: Standing,
    /// Time of the last change of the role.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub role_assigned_at: Option<Timestamp>,
    /// The event that changed the role last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub role_assigned_by: Option<EventId>,
    /// The number of times that the account was written.
    #[serde(skip)]
    pub version: Version,
}

impl Account {
    /// The account of an unknown user: the lowest role, revocation id 0.
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

    /// The role and standing at a time, whether or not a webhook came: access ends after the grace.
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

    /// The next time at which an entitlement stops giving access. The account must be settled again then.
    #[must_use]
    pub fn next_expiry(&self, now: Timestamp) -> Option<Timestamp> {
        let ends = self.grants.values().flat_map(Grant::entitlements);
        ends.filter_map(|entitlement| entitlement.access_until).filter(|until| *until > now).min()
    }

    /// Replaces what a customer earns; returns whether that changed anything.
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

    /// Sets the committed role and standing to what is effective now. Returns the previous role if the
    /// role changed.
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

    /// The entitlement with the highest role that is active now; of several, the longest-lasting.
    fn best(&self, policy: &Policy, now: Timestamp) -> Option<&Entitlement> {
        let all = self.grants.values().flat_map(Grant::entitlements);
        all.filter(|entitlement| entitlement.is_active(now))
            .max_by(|a, b| policy.compare(&a.role, &b.role).then_with(|| a.compare_duration(b)))
    }
}

#[cfg(test)]
#[path = "account_tests.rs"]
mod tests;
