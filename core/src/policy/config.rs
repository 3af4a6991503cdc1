//! The policy as a host configures it, its defaults, and the check that finds all its faults.

use std::{collections::HashSet, str::FromStr};

use super::role::OPERATOR;
use crate::{
    config::{Fault, Key, ValueError},
    limits::{GRACE_DAYS_MAX, ROLE_NAME_BYTES_MAX, ROLES_MAX},
};

/// What `past_due` means for access.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PastDue {
    /// `keep`: access lasts for the days of grace, counted from when the subscription became past due.
    #[default]
    Keep,
    /// `revoke`: access ends at once.
    Revoke,
}

impl PastDue {
    /// The format, for error messages.
    pub const FORMAT: &str = "\"keep\" or \"revoke\"";
    /// Every value, the default first.
    pub const ALL: [Self; 2] = [Self::Keep, Self::Revoke];

    /// The value as it is configured.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Revoke => "revoke",
        }
    }
}

impl FromStr for PastDue {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let found = Self::ALL.into_iter().find(|value| value.as_str() == text);
        found.ok_or_else(|| ValueError::Word { value: text.to_owned(), allowed: Self::FORMAT })
    }
}

/// What to do with a live subscription none of whose prices is in the plan map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnmappedPrice {
    /// `park`: the event becomes a dead letter. Somebody paid for something that the plan map does
    /// not name, and gets it once the map does.
    #[default]
    Park,
    /// `ignore`: the subscription earns nothing, by intent.
    Ignore,
}

impl UnmappedPrice {
    /// The format, for error messages.
    pub const FORMAT: &str = "\"park\" or \"ignore\"";
    /// Every value, the default first.
    pub const ALL: [Self; 2] = [Self::Park, Self::Ignore];

    /// The value as it is configured.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Park => "park",
            Self::Ignore => "ignore",
        }
    }
}

impl FromStr for UnmappedPrice {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let found = Self::ALL.into_iter().find(|value| value.as_str() == text);
        found.ok_or_else(|| ValueError::Word { value: text.to_owned(), allowed: Self::FORMAT })
    }
}

/// A policy as the host configures it, before it is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyConfig {
    /// Role names, lowest first.
    pub roles: Vec<String>,
    /// Price id, product id or lookup key → role name.
    pub plans: Vec<(String, String)>,
    /// Whether this deployment takes live events or test ones.
    pub livemode: bool,
    /// What `past_due` means.
    pub past_due: PastDue,
    /// Days for which a role outlasts its expiry.
    pub grace_days: u32,
    /// What to do with prices that are not in `plans`.
    pub unmapped_price: UnmappedPrice,
}

impl Default for PolicyConfig {
    /// The policy of a host that configures nothing: no plans, test events, three days of grace.
    fn default() -> Self {
        Self {
            roles: ["free", "paid"].map(str::to_owned).to_vec(),
            plans: Vec::new(),
            livemode: false,
            past_due: PastDue::default(),
            grace_days: 3,
            unmapped_price: UnmappedPrice::default(),
        }
    }
}

impl PolicyConfig {
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
        let mut mapped = HashSet::with_capacity(self.plans.len());
        for (plan, role) in &self.plans {
            let key = || Key::Plan(plan.clone());
            if !mapped.insert(plan) {
                faults.push(ValueError::PlanRepeated.at(key()));
            }
            if role == OPERATOR || !self.roles.contains(role) {
                let error = ValueError::PlanRole { role: role.clone(), roles: self.roles.clone() };
                faults.push(error.at(key()));
            }
        }
        if self.grace_days > GRACE_DAYS_MAX {
            let error = ValueError::GraceDays(self.grace_days.to_string());
            faults.push(error.at(Key::GraceDays));
        }
        faults
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
                c.plans.push(("price_x".to_owned(), "gold".to_owned()));
                c.plans.push(("price_y".to_owned(), OPERATOR.to_owned()));
            },
            &[
                "plans.price_x is \"gold\", which is not one of roles; allowed: free, paid, pro",
                "plans.price_y is \"operator\", which is not one of roles; allowed: free, paid, pro",
                "policy.grace_days is 91; allowed: a whole number of days from 0 to 90",
            ],
        );
        check(
            |c| c.plans.push(c.plans[0].clone()),
            &["plans.price_paid is mapped twice; allowed: each price, product or lookup key once"],
        );
    }

    #[test]
    fn a_plan_earns_no_operator_even_where_the_role_is_listed() {
        let mut config = config();
        config.roles.push(OPERATOR.to_owned());
        config.plans.push(("price_x".to_owned(), OPERATOR.to_owned()));
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

    #[test]
    fn words_are_parsed_and_written_alike() {
        for value in PastDue::ALL {
            assert_eq!(value.as_str().parse(), Ok(value));
        }
        for value in UnmappedPrice::ALL {
            assert_eq!(value.as_str().parse(), Ok(value));
        }
        assert_eq!(PastDue::ALL[0], PastDue::default());
        assert_eq!(UnmappedPrice::ALL[0], UnmappedPrice::default());
        let error = "kep".parse::<PastDue>().unwrap_err().to_string();
        assert_eq!(error, "is \"kep\"; allowed: \"keep\" or \"revoke\"");
        let error = "drop".parse::<UnmappedPrice>().unwrap_err().to_string();
        assert_eq!(error, "is \"drop\"; allowed: \"park\" or \"ignore\"");
    }
}
