//! The configuration of a world, as plain types.

use std::collections::BTreeMap;

/// What a price, product, lookup key, payment link or named plan earns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// One of [`Rules::roles`].
    pub role: String,
    /// Days for which a purchase lasts. It does not apply to subscriptions.
    pub days: Option<u32>,
}

/// Whether access is kept or taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Keep,
    Revoke,
}

/// What a dispute does to access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisputePolicy {
    Keep,
    Revoke,
    RevokeWhenLost,
}

/// What to do with a subscription item whose price is not in the plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmapped {
    Park,
    Ignore,
}

/// How several purchases with days add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    Extend,
    Longest,
}

/// The policy for each behavior of a paused collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PausePolicy {
    pub keep_as_draft: Keep,
    pub mark_uncollectible: Keep,
    pub void: Keep,
}

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The roles, lowest first.
    pub roles: Vec<String>,
    pub livemode: bool,
    /// Metadata keys that name a user, best first.
    pub user_id_keys: Vec<String>,
    /// Connected accounts whose events count.
    pub connected_accounts: Vec<String>,
    pub plans: BTreeMap<String, Plan>,
    /// The features of each role by itself.
    pub features: BTreeMap<String, Vec<String>>,
    pub past_due: Keep,
    pub grace_days: u32,
    pub unmapped_price: Unmapped,
    pub ignore_prices: Vec<String>,
    pub pause_collection: PausePolicy,
    pub refund: Keep,
    pub dispute: DisputePolicy,
    pub purchase_refund: Keep,
    pub purchase_dispute: DisputePolicy,
    pub stack: Stack,
}

impl Default for Rules {
    /// The default of every policy, three roles, and a plan of each kind.
    fn default() -> Self {
        let roles = ["free", "paid", "pro"].map(String::from).to_vec();
        Self {
            plans: plans(&roles),
            features: BTreeMap::from([
                ("paid".into(), vec!["export".into()]),
                ("pro".into(), vec!["sso".into(), "api".into()]),
            ]),
            roles,
            livemode: false,
            user_id_keys: vec!["user_id".into(), "userId".into()],
            connected_accounts: vec![],
            past_due: Keep::Keep,
            grace_days: 3,
            unmapped_price: Unmapped::Park,
            ignore_prices: vec!["prod_misc".into()],
            pause_collection: PausePolicy {
                keep_as_draft: Keep::Keep,
                mark_uncollectible: Keep::Keep,
                void: Keep::Keep,
            },
            refund: Keep::Keep,
            dispute: DisputePolicy::Keep,
            purchase_refund: Keep::Revoke,
            purchase_dispute: DisputePolicy::RevokeWhenLost,
            stack: Stack::Extend,
        }
    }
}

/// The plans of every world: each kind of key occurs, and the roles are spread over them.
pub(super) fn plans(roles: &[String]) -> BTreeMap<String, Plan> {
    let top = roles.len().saturating_sub(1);
    let plan = |rank: usize, days| Plan {
        role: roles.get(rank.min(top)).cloned().unwrap_or_default(),
        days,
    };
    [
        ("price_pro", plan(1, None)),
        ("price_max", plan(2, None)),
        ("prod_team", plan(2, None)),
        ("team_monthly", plan(1, None)),
        ("month_pass", plan(1, Some(30))),
        ("week_pass", plan(2, Some(7))),
        ("price_pass", plan(1, Some(10))),
        ("prod_book", plan(2, None)),
        ("plink_life", plan(2, None)),
        ("plink_pass", plan(2, Some(30))),
        ("lifetime", plan(1, None)),
    ]
    .into_iter()
    .map(|(key, plan)| (key.to_owned(), plan))
    .collect()
}

impl Rules {
    /// The rank of a role; unknown roles rank lowest.
    pub fn rank(&self, role: &str) -> usize {
        self.roles.iter().position(|known| known == role).unwrap_or(0)
    }

    /// The user whom metadata names: the value of the best key that is present and not empty.
    pub fn named(&self, metadata: &BTreeMap<String, String>) -> Option<String> {
        self.user_id_keys
            .iter()
            .filter_map(|key| metadata.get(key))
            .find(|value| !value.is_empty())
            .cloned()
    }

    /// Whether events of an account count; `None` is the account itself.
    pub fn counts(&self, account: Option<&str>) -> bool {
        account.is_none_or(|id| self.connected_accounts.iter().any(|known| known == id))
    }
}
