//! The host's policy: which roles exist, which plan earns which role, and what lateness means.

mod config;
pub(crate) mod role;
mod words;

use std::{
    cmp::Ordering,
    collections::{BTreeSet, HashMap, HashSet},
};

use crate::{
    config::{Faults, Fetch},
    subscription::Item,
};

pub use config::{PlanConfig, PolicyConfig};
pub use role::{OPERATOR, Role};
pub use words::{Access, OnDispute, OnReversal, PastDue, PauseCollection, Stack, UnmappedPrice};

/// What a plan earns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The role.
    pub role: Role,
    /// Days for which a purchase lasts; `None` if it has no end.
    pub days: Option<u32>,
}

impl Plan {
    /// Orders plans by how long a purchase lasts.
    pub(crate) fn cmp_days(&self, other: &Self) -> Ordering {
        (self.days.is_none(), self.days).cmp(&(other.days.is_none(), other.days))
    }
}

/// A checked policy: the rules by which a deployment turns subscriptions into roles.
///
/// ```
/// use tierlift_core::policy::{PlanConfig, Policy, PolicyConfig, Role};
///
/// let config = PolicyConfig {
///     roles: ["free", "plus", "pro"].map(str::to_owned).to_vec(),
///     plans: vec![PlanConfig::new("price_1", "pro")],
///     ..PolicyConfig::default()
/// };
/// let policy = Policy::new(config.clone())?;
/// assert_eq!(policy.lowest(), &Role::new("free"));
/// assert!(policy.compare(&Role::new("pro"), &Role::new("plus")).is_gt());
///
/// let faults = Policy::new(PolicyConfig { grace_days: 365, ..config }).unwrap_err();
/// assert!(faults.to_string().starts_with("policy.grace_days is 365"));
/// # Ok::<(), tierlift_core::config::Faults>(())
/// ```
#[derive(Clone, Debug)]
pub struct Policy {
    roles: Vec<Role>,
    operator: Role,
    plans: HashMap<Box<str>, Plan>,
    features: HashMap<Role, Vec<Box<str>>>,
    ignored_prices: HashSet<Box<str>>,
    fingerprint: String,
    /// Metadata keys under which the host names its users, best first.
    pub user_id_keys: Vec<String>,
    /// Whether this deployment takes live events or test ones.
    pub livemode: bool,
    /// What `past_due` means.
    pub past_due: PastDue,
    /// Days for which a role outlasts its expiry.
    pub grace_days: u32,
    /// What to do with prices that are not mapped.
    pub unmapped_price: UnmappedPrice,
    /// What paused collection means.
    pub pause_collection: PauseCollection,
    /// What a refund or a dispute of a subscription's latest invoice means.
    pub subscription_reversal: OnReversal,
    /// What a refund or a dispute of a purchase means.
    pub purchase_reversal: OnReversal,
    /// How several purchases of a role for some days add up.
    pub stack: Stack,
    /// When Stripe is asked about a customer, if there is a key.
    pub fetch: Fetch,
}

impl Policy {
    /// Checks a configuration, and reports everything that is wrong with it.
    pub fn new(config: PolicyConfig) -> Result<Self, Faults> {
        let faults = config.faults();
        if !faults.is_empty() {
            return Err(Faults(faults));
        }
        let fingerprint = config.fingerprint();
        let plan = |plan: PlanConfig| {
            let PlanConfig { key, role, days } = plan;
            (key.into_boxed_str(), Plan { role: Role::new(&role), days })
        };
        let feature = |(role, names): (String, Vec<String>)| {
            (Role::new(&role), names.into_iter().map(String::into_boxed_str).collect())
        };
        Ok(Self {
            roles: config.roles.iter().map(|name| Role::new(name)).collect(),
            operator: Role::new(OPERATOR),
            plans: config.plans.into_iter().map(plan).collect(),
            features: config.features.into_iter().map(feature).collect(),
            ignored_prices: config.ignore_prices.into_iter().map(String::into_boxed_str).collect(),
            fingerprint,
            user_id_keys: config.user_id_keys,
            livemode: config.livemode,
            past_due: config.past_due,
            grace_days: config.grace_days,
            unmapped_price: config.unmapped_price,
            pause_collection: config.pause_collection,
            subscription_reversal: config.subscription_reversal,
            purchase_reversal: config.purchase_reversal,
            stack: config.stack,
            fetch: config.fetch,
        })
    }

    /// A digest of the configuration: if it changes, roles may have to be decided again.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The lowest role: that of a user without an account.
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

    /// The higher of two roles; the first if they rank alike.
    #[must_use]
    pub fn higher(&self, a: Role, b: Role) -> Role {
        if self.compare(&b, &a).is_gt() { b } else { a }
    }

    /// The role that an item earns: by its price id, else its product id, else its lookup key.
    #[must_use]
    pub fn role_for_item(&self, item: &Item) -> Option<&Role> {
        self.plan_for_item(item).map(|plan| &plan.role)
    }

    /// The plan of an item, found in the same way.
    #[must_use]
    pub fn plan_for_item(&self, item: &Item) -> Option<&Plan> {
        keys(item).find_map(|key| self.plans.get(key))
    }

    /// The plan under a key: the id of a price, product or payment link, a lookup key, or its own name.
    #[must_use]
    pub fn plan(&self, key: &str) -> Option<&Plan> {
        self.plans.get(key)
    }

    /// Whether an item's price, product or lookup key has nothing to do with this deployment.
    #[must_use]
    pub fn is_ignored(&self, item: &Item) -> bool {
        keys(item).any(|key| self.ignored_prices.contains(key))
    }

    /// The features of a role: its own and those of all roles below it.
    #[must_use]
    pub fn features(&self, role: &Role) -> BTreeSet<Box<str>> {
        if self.features.is_empty() {
            return BTreeSet::new();
        }
        let rank = self.rank(role);
        let roles = self.roles().take(rank + 1);
        roles.filter_map(|role| self.features.get(role)).flatten().cloned().collect()
    }

    /// The keys of all plans, sorted.
    pub fn plan_keys(&self) -> impl Iterator<Item = &str> {
        let mut keys: Vec<&str> = self.plans.keys().map(|key| &**key).collect();
        keys.sort_unstable();
        keys.into_iter()
    }

    /// Whether there is any plan at all.
    #[must_use]
    pub fn has_plans(&self) -> bool {
        !self.plans.is_empty()
    }
}

fn keys(item: &Item) -> impl Iterator<Item = &str> {
    [&item.price, &item.product, &item.lookup_key].into_iter().flatten().map(|key| &**key)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn config() -> PolicyConfig {
        PolicyConfig {
            roles: ["free", "paid", "pro"].map(str::to_owned).to_vec(),
            plans: [("price_paid", "paid"), ("prod_pro", "pro"), ("pro_monthly", "pro")]
                .map(|(plan, role)| PlanConfig::new(plan, role))
                .to_vec(),
            ..PolicyConfig::default()
        }
    }

    pub(crate) fn policy() -> Policy {
        Policy::new(config()).unwrap()
    }

    #[test]
    fn a_policy_with_several_faults_reports_all_of_them() {
        let roles = vec!["free".to_owned(), "free".to_owned()];
        let faults = Policy::new(PolicyConfig { roles, grace_days: 91, ..config() }).unwrap_err();
        let keys: Vec<_> = faults.0.iter().map(|fault| fault.key.to_string()).collect();
        let plans = ["plans.price_paid", "plans.prod_pro", "plans.pro_monthly"];
        assert_eq!(keys, [&["roles[1]"], &plans[..], &["policy.grace_days"]].concat());
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
        assert_eq!(earned(item("price_x", "prod_pro", "price_paid")).unwrap(), "pro");
        assert_eq!(earned(item("price_x", "prod_x", "x")), None);
    }

    #[test]
    fn everything_that_a_role_depends_on_is_part_of_the_fingerprint() {
        let keep = OnReversal { refund: Access::Keep, dispute: OnDispute::Keep };
        let changes: [fn(&mut PolicyConfig); 15] = [
            |_| {},
            |c| c.roles.push("max".to_owned()),
            |c| c.plans[0].role = "pro".to_owned(),
            |c| c.plans[0].days = Some(30),
            |c| c.features.push(("pro".to_owned(), vec!["export".to_owned()])),
            |c| c.user_id_keys.reverse(),
            |c| c.livemode = true,
            |c| c.past_due = PastDue::Revoke,
            |c| c.grace_days = 0,
            |c| c.unmapped_price = UnmappedPrice::Ignore,
            |c| c.ignore_prices.push("price_book".to_owned()),
            |c| c.pause_collection.void = Access::Revoke,
            |c| c.subscription_reversal.refund = Access::Revoke,
            |c| c.stack = Stack::Longest,
            |c| c.fetch = Fetch::Always,
        ];
        let fingerprint = |change: fn(&mut PolicyConfig)| {
            let mut config = config();
            change(&mut config);
            Policy::new(config).unwrap().fingerprint().to_owned()
        };
        let mut all: BTreeSet<_> = changes.into_iter().map(fingerprint).collect();
        let purchases = PolicyConfig { purchase_reversal: keep, ..config() };
        all.insert(Policy::new(purchases).unwrap().fingerprint().to_owned());
        assert_eq!(all.len(), 16);
        assert_eq!(fingerprint(|c| c.fetch = Fetch::Never), policy().fingerprint());
        assert_eq!(fingerprint(|_| {}), policy().fingerprint(), "and nothing else");
    }
}
