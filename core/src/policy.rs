//! The host's policy: which roles there are, which plan earns which, and what lateness means.

use std::{cmp::Ordering, collections::HashMap, fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    limits::{GRACE_DAYS_MAX, ROLE_NAME_BYTES_MAX, ROLES_MAX},
    subscription::Item,
};

/// The role above all others. It is granted by hand and by nothing else.
pub const OPERATOR: &str = "operator";

/// The name of a role. Which of two is higher only [`Policy::rank`] knows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role(Arc<str>);

impl Role {
    /// A role of that name; whether it exists, the policy knows.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Role {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name: std::borrow::Cow<'de, str> = Deserialize::deserialize(from)?;
        Ok(Self::new(&name))
    }
}

/// What `past_due` means for access.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PastDue {
    /// Access lasts for the days of grace from the moment it became past due.
    #[default]
    Keep,
    /// Access ends at once.
    Revoke,
}

/// What to do with a live subscription none of whose prices is in the plan map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnmappedPrice {
    /// The event goes to the dead letters: somebody paid for something that this program does not
    /// know, and should get it once the map is mended.
    #[default]
    Park,
    /// It earns nothing, and that is right.
    Ignore,
}

/// Why a policy is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// `roles` is empty or too long.
    #[error("roles needs between 1 and {ROLES_MAX} names, lowest first; there are {0}")]
    RoleCount(usize),
    /// A role's name is empty, too long, listed twice or reserved.
    #[error(
        "role {0:?} is not usable: names are unique, 1 to {ROLE_NAME_BYTES_MAX} bytes, and not \
         {OPERATOR:?}, which always exists"
    )]
    RoleName(String),
    /// A plan earns a role that is not listed.
    #[error("plan {plan:?} earns role {role:?}, which is not one of roles ({roles})")]
    PlanRole {
        /// The plan's key.
        plan: String,
        /// The role it names.
        role: String,
        /// What is allowed.
        roles: String,
    },
    /// The grace is too long.
    #[error("grace_days is at most {GRACE_DAYS_MAX}, not {0}")]
    GraceDays(u32),
}

/// A policy as the host configures it, before it is checked.
#[derive(Clone, Debug)]
pub struct PolicyConfig {
    /// Role names, lowest first.
    pub roles: Vec<String>,
    /// Price id, product id or lookup key → role name.
    pub plans: Vec<(String, String)>,
    /// Whether this deployment takes live events or test ones.
    pub livemode: bool,
    /// What `past_due` means.
    pub past_due: PastDue,
    /// Days that a role outlives its expiry.
    pub grace_days: u32,
    /// What to do with prices that are not in `plans`.
    pub unmapped_price: UnmappedPrice,
}

impl Default for PolicyConfig {
    /// What is in force where the host says nothing: no plans, test events, three days of grace.
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

/// A checked policy.
#[derive(Clone, Debug)]
pub struct Policy {
    roles: Vec<Role>,
    operator: Role,
    plans: HashMap<Box<str>, Role>,
    /// Whether this deployment takes live events or test ones.
    pub livemode: bool,
    /// What `past_due` means.
    pub past_due: PastDue,
    /// Days that a role outlives its expiry.
    pub grace_days: u32,
    /// What to do with prices that are not mapped.
    pub unmapped_price: UnmappedPrice,
}

impl Policy {
    /// Checks a config.
    pub fn new(config: PolicyConfig) -> Result<Self, Error> {
        if config.roles.is_empty() || config.roles.len() > ROLES_MAX {
            return Err(Error::RoleCount(config.roles.len()));
        }
        if config.grace_days > GRACE_DAYS_MAX {
            return Err(Error::GraceDays(config.grace_days));
        }
        let mut roles: Vec<Role> = Vec::with_capacity(config.roles.len());
        for name in &config.roles {
            let taken = roles.iter().any(|role| role.as_str() == name) || name == OPERATOR;
            if taken || name.is_empty() || name.len() > ROLE_NAME_BYTES_MAX {
                return Err(Error::RoleName(name.clone()));
            }
            roles.push(Role::new(name));
        }
        let mut plans = HashMap::with_capacity(config.plans.len());
        for (plan, name) in config.plans {
            let Some(role) = roles.iter().find(|role| role.as_str() == name) else {
                return Err(Error::PlanRole { plan, role: name, roles: config.roles.join(", ") });
            };
            plans.insert(plan.into_boxed_str(), role.clone());
        }
        Ok(Self {
            roles,
            operator: Role::new(OPERATOR),
            plans,
            livemode: config.livemode,
            past_due: config.past_due,
            grace_days: config.grace_days,
            unmapped_price: config.unmapped_price,
        })
    }

    /// The role of a user nobody has heard of.
    #[must_use]
    pub fn lowest(&self) -> &Role {
        self.roles.first().unwrap_or(&self.operator)
    }

    /// All roles, lowest first, `operator` last.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.iter().chain([&self.operator])
    }

    /// The role of that name, if there is one.
    #[must_use]
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles().find(|role| role.as_str() == name)
    }

    /// How high a role stands, from 0. A name that the policy no longer has stands lowest.
    #[must_use]
    pub fn rank(&self, role: &Role) -> usize {
        self.roles().position(|known| known == role).unwrap_or(0)
    }

    /// Compares two roles by rank.
    #[must_use]
    pub fn compare(&self, a: &Role, b: &Role) -> Ordering {
        self.rank(a).cmp(&self.rank(b))
    }

    /// The role that an item earns: by its price id, else its product id, else its lookup key.
    #[must_use]
    pub fn role_for_item(&self, item: &Item) -> Option<&Role> {
        [&item.price, &item.product, &item.lookup_key]
            .into_iter()
            .flatten()
            .find_map(|key| self.plans.get(key))
    }

    /// Whether there is any plan at all.
    #[must_use]
    pub fn has_plans(&self) -> bool {
        !self.plans.is_empty()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn config() -> PolicyConfig {
        PolicyConfig {
            roles: ["free", "paid", "pro"].map(str::to_owned).to_vec(),
            plans: [("price_paid", "paid"), ("prod_pro", "pro"), ("pro_monthly", "pro")]
                .map(|(plan, role)| (plan.to_owned(), role.to_owned()))
                .to_vec(),
            livemode: false,
            past_due: PastDue::Keep,
            grace_days: 3,
            unmapped_price: UnmappedPrice::Park,
        }
    }

    pub(crate) fn policy() -> Policy {
        Policy::new(config()).unwrap()
    }

    #[test]
    fn refuses_what_cannot_be_meant() {
        let with = |change: fn(&mut PolicyConfig)| {
            let mut config = config();
            change(&mut config);
            Policy::new(config).unwrap_err()
        };
        assert_eq!(with(|d| d.roles.clear()), Error::RoleCount(0));
        assert_eq!(with(|d| d.roles.push("paid".into())), Error::RoleName("paid".into()));
        assert_eq!(with(|d| d.roles.push("operator".into())), Error::RoleName("operator".into()));
        assert_eq!(with(|d| d.roles.push(String::new())), Error::RoleName(String::new()));
        assert_eq!(with(|d| d.grace_days = 91), Error::GraceDays(91));
        let unknown = with(|d| d.plans.push(("price_x".into(), "gold".into())));
        assert!(unknown.to_string().contains("free, paid, pro"), "{unknown}");
    }

    #[test]
    fn ranks_roles_lowest_first_and_operator_above_all() {
        let policy = policy();
        let ranks: Vec<_> = ["gone", "free", "paid", "pro", "operator"]
            .map(|name| policy.rank(&Role::new(name)))
            .to_vec();
        assert_eq!(ranks, [0, 0, 1, 2, 3]);
    }

    #[test]
    fn a_price_beats_its_product_and_that_its_lookup_key() {
        let item = |price: &str, product: &str, lookup: &str| Item {
            price: Some(price.into()),
            product: Some(product.into()),
            lookup_key: Some(lookup.into()),
            ..Item::default()
        };
        let policy = policy();
        let earned = |item| policy.role_for_item(&item).map(Role::as_str).map(str::to_owned);
        assert_eq!(earned(item("price_paid", "prod_pro", "pro_monthly")).unwrap(), "paid");
        assert_eq!(earned(item("price_x", "prod_pro", "x")).unwrap(), "pro");
        assert_eq!(earned(item("price_x", "prod_x", "pro_monthly")).unwrap(), "pro");
        assert_eq!(earned(item("price_x", "prod_x", "x")), None);
    }
}
