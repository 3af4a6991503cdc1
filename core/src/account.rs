//! An account: a user's role, which follows from all their grants, those by services, and the manual role.
//!
//! Webhooks change grants, services their own, operators the manual role, and none touches the others. The
//! revocation id goes up by exactly one when the effective role changes, and never otherwise.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    grant::{Entitlement, Grant, Paid, Pass, Shown},
    id::{CustomerId, Epoch, EventId, RevocationId, UserId, Version},
    limits::CUSTOMERS_PER_USER_MAX,
    policy::{Policy, Role, Stack},
    service_grant::ServiceGrants,
    time::Timestamp,
};

/// What is shown about what a user pays for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Whether any subscription or purchase gives access.
    #[serde(rename = "active", skip_serializing_if = "std::ops::Not::not", default)]
    pub subscription_active: bool,
    /// The end of what is paid for of the best one.
    #[serde(rename = "expires", skip_serializing_if = "Option::is_none", default)]
    pub subscription_expires_at: Option<Timestamp>,
    /// What is shown of the best one; without one, of a subscription that is not over.
    pub shown: Shown,
    /// The features of the role and those by Stripe's entitlements.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub features: BTreeSet<Box<str>>,
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
    /// The epoch of the revocation id and the version.
    #[serde(skip_serializing_if = "Epoch::is_first", default)]
    pub epoch: Epoch,
    /// The number of changes of the role.
    pub revocation_id: RevocationId,
    /// Tokens that were issued before this time are refused.
    #[serde(rename = "tokens_revoked_before", skip_serializing_if = "Option::is_none", default)]
    pub revoked_before: Option<Timestamp>,
    /// What each of the user's customers earns.
    pub grants: BTreeMap<CustomerId, Grant>,
    /// What services of the host granted: what other providers or support earn the user.
    #[serde(skip_serializing_if = "ServiceGrants::is_empty", default)]
    pub service_grants: ServiceGrants,
    /// The role that an operator assigned by hand.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub manual_role: Option<Role>,
    /// Time until which that role holds; `None` if it has no end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub manual_until: Option<Timestamp>,
    /// The standing at the last commit.
    pub standing: Standing,
    /// The next time, after the last commit, at which an entitlement stops giving access. The account must
    /// be settled again then.
    #[serde(rename = "settle_at", skip_serializing_if = "Option::is_none", default)]
    pub next_expiry_at: Option<Timestamp>,
    /// Time of the last change of the role or the standing.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub changed_at: Option<Timestamp>,
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
            epoch: Epoch::default(),
            revocation_id: RevocationId::default(),
            revoked_before: None,
            grants: BTreeMap::new(),
            service_grants: ServiceGrants::default(),
            manual_role: None,
            manual_until: None,
            standing: Standing::default(),
            next_expiry_at: None,
            changed_at: None,
            role_assigned_at: None,
            role_assigned_by: None,
            version: Version::default(),
        }
    }

    /// The role and standing at a time, whether or not a webhook came: access ends after the grace.
    #[must_use]
    pub fn effective(&self, policy: &Policy, now: Timestamp) -> Effective {
        let others = self.other_entitlements(policy);
        let best = self.best(&others, policy, now);
        let earned = best.map_or(policy.lowest(), |entitlement| &entitlement.role);
        let role = match self.manual_role_at(now) {
            Some(manual) if policy.compare(manual, earned).is_gt() => manual,
            _ => earned,
        };
        let shown = match best {
            Some(entitlement) => Some(&entitlement.shown),
            None => self.grants.values().filter_map(Grant::troubled).max(),
        };
        let mut features = policy.features(role);
        features.extend(self.grants.values().flat_map(Grant::features).map(Box::from));
        let standing = Standing {
            subscription_active: best.is_some(),
            subscription_expires_at: best.and_then(|entitlement| entitlement.expires_at),
            shown: shown.cloned().unwrap_or_default(),
            features,
        };
        Effective { role: role.clone(), standing }
    }

    /// Whether nothing earns it a role.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.grants.is_empty() && self.service_grants.is_empty() && self.manual_role.is_none()
    }

    /// The role by hand, while it holds.
    #[must_use]
    pub fn manual_role_at(&self, now: Timestamp) -> Option<&Role> {
        self.manual_role.as_ref().filter(|_| self.manual_until.is_none_or(|until| until > now))
    }

    /// Replaces what a customer earns; returns whether that changed anything. If the account is full, a new
    /// grant takes the place of one that is worth less; one that gives no access is left out until it does.
    pub fn admit_grant(
        &mut self,
        customer: &CustomerId,
        grant: Grant,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let is_known = self.grants.contains_key(customer) || grant.is_empty();
        if !is_known && self.grants.len() >= CUSTOMERS_PER_USER_MAX {
            let worth = |id, grant: &Grant| {
                grant.worth(self.is_extending(id, grant, policy, now), policy, now)
            };
            let all = self.grants.iter().map(|(id, known)| (worth(id, known), id));
            let worth = worth(customer, &grant);
            if worth.paid == Paid::NoAccess {
                return Ok(false);
            }
            let least = all.min().filter(|(least, _)| *least < worth);
            if let Some(id) = least.map(|(_, id)| id.clone()) {
                self.grants.remove(&id);
            }
        }
        self.set_grant(customer, grant)
    }

    /// Replaces what a customer earns; returns whether that changed anything.
    fn set_grant(&mut self, customer: &CustomerId, grant: Grant) -> Result<bool, Error> {
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

    /// Sets the committed role and standing to what is effective now. Returns what changed.
    pub fn settle(&mut self, policy: &Policy, now: Timestamp, by: &EventId) -> Settled {
        let Effective { role, standing } = self.effective(policy, now);
        self.next_expiry_at = self.next_expiry(policy, now);
        let standing_changed = standing != self.standing;
        self.standing = standing;
        let previous_role = (role != self.role).then(|| {
            self.revocation_id = self.revocation_id.next();
            self.role_assigned_at = Some(now);
            self.role_assigned_by = Some(by.clone());
            std::mem::replace(&mut self.role, role)
        });
        if standing_changed || previous_role.is_some() {
            self.changed_at = Some(now);
        }
        Settled { previous_role, standing_changed }
    }

    /// The entitlement with the highest role that is active now; of several, the longest-lasting.
    fn best<'a>(
        &'a self,
        others: &'a [Entitlement],
        policy: &Policy,
        now: Timestamp,
    ) -> Option<&'a Entitlement> {
        let all = self.grants.values().flat_map(Grant::entitlements).chain(others);
        all.filter(|entitlement| entitlement.is_active(now))
            .max_by(|a, b| policy.compare(&a.role, &b.role).then_with(|| a.compare_duration(b)))
    }

    /// The next time at which an entitlement, or the role by hand, stops giving access.
    pub(crate) fn next_expiry(&self, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
        let others = self.other_entitlements(policy);
        let all = self.grants.values().flat_map(Grant::entitlements).chain(&others);
        let ends = all.filter_map(|entitlement| entitlement.access_until).chain(self.manual_until);
        ends.filter(|until| *until > now).min()
    }

    /// Whether the passes of a grant, one of these or a new one, extend those of the other grants.
    fn is_extending(
        &self,
        customer: &CustomerId,
        grant: &Grant,
        policy: &Policy,
        now: Timestamp,
    ) -> bool {
        if policy.stack != Stack::Extend || grant.passes().next().is_none() {
            return false;
        }
        let others = self.grants.iter().filter(|(id, _)| *id != customer).map(|(_, it)| it);
        let others: Vec<&Pass> = others.flat_map(Grant::passes).collect();
        let all = others.iter().copied().chain(grant.passes()).collect();
        let active = |passes| {
            let mut stacked = stack(passes, policy);
            stacked.retain(|entitlement| entitlement.is_active(now));
            stacked
        };
        active(all) != active(others)
    }

    /// What is earned by all grants together, or by services.
    fn other_entitlements(&self, policy: &Policy) -> Vec<Entitlement> {
        let mut all = stack(self.grants.values().flat_map(Grant::passes).collect(), policy);
        all.extend(self.service_grants.entitlements(policy));
        all
    }
}

/// Purchases for some days as entitlements, one for each role. Several add up by the policy. There is no
/// grace: nothing is charged again at their end.
fn stack(mut passes: Vec<&Pass>, policy: &Policy) -> Vec<Entitlement> {
    passes.sort_unstable();
    let mut ends: BTreeMap<&Role, Timestamp> = BTreeMap::new();
    for Pass { starts_at, days, role } in passes {
        let known = ends.get(role).copied();
        let alone = starts_at.plus_days(i64::from(*days));
        let end = match (policy.stack, known) {
            (_, None) => alone,
            (Stack::Longest, Some(known)) => known.max(alone),
            (Stack::Extend, Some(known)) => known.max(*starts_at).plus_days(i64::from(*days)),
        };
        ends.insert(role, end);
    }
    let entitlement = |(role, end): (&Role, Timestamp)| Entitlement {
        role: role.clone(),
        expires_at: Some(end),
        access_until: Some(end),
        shown: Shown::default(),
    };
    ends.into_iter().map(entitlement).collect()
}

/// What settling an account changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The role before, if it changed.
    pub previous_role: Option<Role>,
    /// Whether the standing changed.
    pub standing_changed: bool,
}

#[cfg(test)]
#[path = "account_tests.rs"]
mod tests;
