//! The policy as a host configures it, its defaults, and the check that finds all its faults.

use std::collections::HashSet;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    role::OPERATOR,
    words::{Access, OnDispute, OnReversal, PastDue, PauseCollection, Stack, UnmappedPrice},
};
use crate::{
    config::{Fault, Fetch, Key, ValueError},
    limits::{
        FEATURE_NAME_BYTES_MAX, FEATURES_MAX, GRACE_DAYS_MAX, METADATA_KEY_BYTES_MAX,
        PLAN_DAYS_MAX, ROLE_NAME_BYTES_MAX, ROLES_MAX,
    },
};

/// A plan as the host configures it: the role that it earns, and for how long a purchase of it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlanConfig {
    /// Price id, product id, lookup key, payment link id, or the plan's own name.
    pub key: String,
    /// Role name.
    pub role: String,
    /// Days for which a purchase lasts; `None` if it has no end. Stripe says how long a subscription lasts.
    pub days: Option<u32>,
}

impl PlanConfig {
    /// A plan without days.
    #[must_use]
    pub fn new(key: &str, role: &str) -> Self {
        Self { key: key.to_owned(), role: role.to_owned(), days: None }
    }
}

/// A policy as the host configures it, before it is checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyConfig {
    /// Role names, lowest first.
    pub roles: Vec<String>,
    /// The plans.
    pub plans: Vec<PlanConfig>,
    /// Role name → names of the features that it has beside those of the roles below it.
    pub features: Vec<(String, Vec<String>)>,
    /// Metadata keys under which the host names its users, best first.
    pub user_id_keys: Vec<String>,
    /// Connected accounts whose events count, `acct_…`.
    pub connected_accounts: Vec<String>,
    /// Whether this deployment takes live events or test ones.
    pub livemode: bool,
    /// What `past_due` means.
    pub past_due: PastDue,
    /// Days for which a role outlasts its expiry.
    pub grace_days: u32,
    /// What to do with prices that are not in `plans`.
    pub unmapped_price: UnmappedPrice,
    /// Price ids, product ids and lookup keys that have nothing to do with this deployment.
    pub ignore_prices: Vec<String>,
    /// What paused collection means.
    pub pause_collection: PauseCollection,
    /// What a refund or a dispute of a subscription's latest invoice means.
    pub subscription_reversal: OnReversal,
    /// What a refund or a dispute of a purchase means.
    pub purchase_reversal: OnReversal,
    /// How several purchases of a role for some days add up.
    pub stack: Stack,
    /// When Stripe is asked about a customer, if there is a key. It decides no role, but what is always asked for
    /// is due with every event.
    #[serde(skip_serializing_if = "is_not_always")]
    pub fetch: Fetch,
}

/// Whether a setting is no part of the digest: it was none when there was no other.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_not_always(fetch: &Fetch) -> bool {
    *fetch != Fetch::Always
}

impl Default for PolicyConfig {
    /// The policy of a host that configures nothing: no plans, test events, three days of grace.
    fn default() -> Self {
        Self {
            roles: ["free", "paid"].map(str::to_owned).to_vec(),
            plans: Vec::new(),
            features: Vec::new(),
            user_id_keys: ["user_id", "userId"].map(str::to_owned).to_vec(),
            connected_accounts: Vec::new(),
            livemode: false,
            past_due: PastDue::Keep,
            grace_days: 3,
            unmapped_price: UnmappedPrice::Park,
            ignore_prices: Vec::new(),
            pause_collection: PauseCollection::all(Access::Keep),
            subscription_reversal: OnReversal { refund: Access::Keep, dispute: OnDispute::Keep },
            purchase_reversal: OnReversal {
                refund: Access::Revoke,
                dispute: OnDispute::RevokeWhenLost,
            },
            stack: Stack::Extend,
            fetch: Fetch::WhenNeeded,
        }
    }
}

impl PolicyConfig {
    /// A digest of everything that a role depends on.
    pub(super) fn fingerprint(&self) -> String {
        // Text, numbers and booleans always have a JSON text.
        let text = serde_json::to_string(self).unwrap_or_default();
        hex::encode(Sha256::digest(text))
    }

    /// Everything that is wrong, in the order of the keys. Without a fault,
    /// [`Policy::new`](super::Policy::new) succeeds.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if !(1..=ROLES_MAX).contains(&self.roles.len()) {
            faults.push(ValueError::RoleCount(self.roles.len()).at(Key::Roles));
        }
        for index in 0..self.roles.len() {
            faults.extend(self.role_error(index).map(|error| error.at(Key::Role(index))));
        }
        self.plan_faults(&mut faults);
        self.feature_faults(&mut faults);
        for (index, key) in self.user_id_keys.iter().enumerate() {
            if !(1..=METADATA_KEY_BYTES_MAX).contains(&key.len()) {
                faults.push(ValueError::MetadataKey(key.clone()).at(Key::UserIdKey(index)));
            }
        }
        for (index, account) in self.connected_accounts.iter().enumerate() {
            if !account.starts_with("acct_") {
                let error = ValueError::ConnectedAccount(account.clone());
                faults.push(error.at(Key::ConnectedAccount(index)));
            }
        }
        if self.grace_days > GRACE_DAYS_MAX {
            let error = ValueError::GraceDays(self.grace_days.to_string());
            faults.push(error.at(Key::GraceDays));
        }
        faults
    }

    fn plan_faults(&self, faults: &mut Vec<Fault>) {
        let mut mapped = HashSet::with_capacity(self.plans.len());
        for PlanConfig { key: plan, role, days } in &self.plans {
            let key = || Key::Plan(plan.clone());
            if !mapped.insert(plan) {
                faults.push(ValueError::PlanRepeated.at(key()));
            }
            if role == OPERATOR || !self.roles.contains(role) {
                let error = ValueError::PlanRole { role: role.clone(), roles: self.roles.clone() };
                faults.push(error.at(key()));
            }
            if let Some(days) = days.filter(|days| !(1..=PLAN_DAYS_MAX).contains(days)) {
                faults.push(ValueError::PlanDays(days.to_string()).at(key()));
            }
        }
    }

    fn feature_faults(&self, faults: &mut Vec<Fault>) {
        let mut seen = HashSet::with_capacity(self.features.len());
        for (role, features) in &self.features {
            let key = || Key::Features(role.clone());
            if !self.roles.contains(role) && role != OPERATOR {
                faults.push(ValueError::FeatureRole(self.roles.clone()).at(key()));
            }
            if !seen.insert(role) {
                faults.push(ValueError::FeatureRoleRepeated.at(key()));
            }
            let is_wrong = |name: &&String| !(1..=FEATURE_NAME_BYTES_MAX).contains(&name.len());
            if let Some(name) = features.iter().find(is_wrong) {
                faults.push(ValueError::FeatureName(name.clone()).at(key()));
            }
            if features.len() > FEATURES_MAX {
                faults.push(ValueError::FeatureCount(features.len()).at(key()));
            }
        }
    }

    fn role_error(&self, index: usize) -> Option<ValueError> {
        let (before, from) = self.roles.split_at_checked(index)?;
        let name = from.first()?;
        if name == OPERATOR {
            Some(ValueError::RoleReserved)
        } else if before.contains(name) {
            Some(ValueError::RoleRepeated(name.clone()))
        } else if !(1..=ROLE_NAME_BYTES_MAX).contains(&name.len()) {
            Some(ValueError::RoleLength(name.clone()))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::config, *};

    fn check(change: fn(&mut PolicyConfig), expected: &[&str]) {
        let mut config = config();
        change(&mut config);
        let faults: Vec<_> = config.faults().iter().map(ToString::to_string).collect();
        assert_eq!(faults, expected);
    }

    #[test]
    fn every_fault_is_reported_with_its_key_and_what_is_allowed() {
        check(|_| {}, &[]);
        check(
            |c| {
                c.roles.clear();
                c.plans.clear();
            },
            &["roles has 0 names; allowed: 1 to 32, lowest first"],
        );
        check(
            |c| c.roles.extend(["paid", "operator", ""].map(str::to_owned)),
            &[
                "roles[3] is \"paid\", which is listed before; allowed: each name once",
                "roles[4] is \"operator\", which always exists, above all others, and is granted by \
                 hand; allowed: any other name",
                "roles[5] is \"\"; allowed: names of 1 to 64 bytes",
            ],
        );
        check(
            |c| {
                c.grace_days = 91;
                c.plans.push(PlanConfig::new("price_x", "gold"));
                c.plans.push(PlanConfig::new("price_y", OPERATOR));
            },
            &[
                "plans.price_x is \"gold\", which is not one of roles; allowed: free, paid, pro",
                "plans.price_y is \"operator\", which is not one of roles; allowed: free, paid, pro",
                "policy.grace_days is 91; allowed: a whole number of days from 0 to 90",
            ],
        );
        check(
            |c| c.plans.push(c.plans[0].clone()),
            &["plans.price_paid is mapped twice; allowed: each plan once"],
        );
        check(
            |c| {
                c.plans.push(PlanConfig { days: Some(0), ..PlanConfig::new("pass", "paid") });
                c.features.push(("gold".to_owned(), vec![String::new()]));
                c.user_id_keys.push(String::new());
                c.connected_accounts.push("shop".to_owned());
            },
            &[
                "plans.pass has 0 days; allowed: a whole number of days from 1 to 36500",
                "features.gold is not one of roles; allowed: free, paid, pro",
                "features.gold has the feature \"\"; allowed: names of 1 to 320 bytes",
                "user_id_keys[2] is \"\"; allowed: names of 1 to 40 bytes, as Stripe's metadata has them",
                "connected_accounts[0] is \"shop\"; allowed: the id of an account, acct_…",
            ],
        );
    }

    #[test]
    fn a_plan_earns_no_operator_even_where_the_role_is_listed() {
        let mut config = config();
        config.roles.push(OPERATOR.to_owned());
        config.plans.push(PlanConfig::new("price_x", OPERATOR));
        let keys: Vec<_> = config.faults().into_iter().map(|fault| fault.key).collect();
        assert_eq!(keys, [Key::Role(3), Key::Plan("price_x".to_owned())]);
    }

    #[test]
    fn limits_are_allowed_and_one_more_is_not() {
        let names = |count: usize| (0..count).map(|n| format!("role_{n}")).collect::<Vec<_>>();
        let name_of = |bytes: usize| vec!["x".repeat(bytes)];
        for (roles, grace_days, key) in [
            (names(1), 0, None),
            (names(ROLES_MAX), GRACE_DAYS_MAX, None),
            (names(ROLES_MAX + 1), 0, Some(Key::Roles)),
            (names(1), GRACE_DAYS_MAX + 1, Some(Key::GraceDays)),
            (name_of(ROLE_NAME_BYTES_MAX), 0, None),
            (name_of(ROLE_NAME_BYTES_MAX + 1), 0, Some(Key::Role(0))),
        ] {
            let what = format!("{} roles, {grace_days} days", roles.len());
            let config = PolicyConfig { roles, grace_days, ..PolicyConfig::default() };
            let keys: Vec<_> = config.faults().into_iter().map(|fault| fault.key).collect();
            assert_eq!(keys, Vec::from_iter(key), "{what}");
        }
    }
}
