//! Who should have what, straight from the rules in prose. It looks at objects and their histories
//! alone, and would rather be slow than clever.

mod features;
mod owner;
mod purchase;
mod reversal;
mod shown;
mod subscription;

use std::collections::{BTreeMap, BTreeSet};

use super::account::World;

pub(super) use owner::Thing;

/// How the oracle reads what the prose leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readings {
    /// Subscriptions that ended still name users for others of the customer (source 6).
    pub ended_subscriptions_vouch: bool,
    /// So do purchases that were refunded or lost in a dispute.
    pub reversed_purchases_vouch: bool,
    /// Subscriptions without any mapped item count for source 6 and for the owners of features.
    pub unmapped_subscriptions_count: bool,
    /// A purchase whose days are over still counts among the live ones, for the owners of features.
    pub run_out_purchases_are_live: bool,
    /// A live subscription that earns nothing at present still counts among the live ones.
    pub idle_subscriptions_are_live: bool,
    /// A customer that was deleted keeps its entitlements until a summary takes them away.
    pub deleted_customers_keep_entitlements: bool,
}

impl Default for Readings {
    fn default() -> Self {
        Self {
            ended_subscriptions_vouch: true,
            reversed_purchases_vouch: true,
            unmapped_subscriptions_count: true,
            run_out_purchases_are_live: false,
            idle_subscriptions_are_live: true,
            deleted_customers_keep_entitlements: true,
        }
    }
}

/// What a session shows of the subscription that matters most.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shown {
    pub status: Option<String>,
    pub expires_at: Option<i64>,
    pub trial_ends_at: Option<i64>,
    pub cancel_at: Option<i64>,
    pub past_due_since: Option<i64>,
}

/// What a user should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    pub role: String,
    pub features: BTreeSet<String>,
    /// Whether anything earns a role at present.
    pub active: bool,
    /// Everything that may be shown; more than one where the prose leaves a choice. Never empty.
    pub shown: BTreeSet<Shown>,
}

/// What an implementation says of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub role: String,
    pub features: BTreeSet<String>,
    pub active: bool,
    pub shown: Shown,
}

impl Expected {
    /// What is wrong with what was seen; empty if nothing is.
    pub fn complaints(&self, seen: &Seen) -> Vec<String> {
        let mut complaints = vec![];
        if self.role != seen.role {
            complaints.push(format!("role {:?}, not {:?}", seen.role, self.role));
        }
        if self.features != seen.features {
            complaints.push(format!("features {:?}, not {:?}", seen.features, self.features));
        }
        if self.active != seen.active {
            complaints.push(format!("active {}, not {}", seen.active, self.active));
        }
        if !self.shown.contains(&seen.shown) {
            complaints.push(format!("{:?}, not one of {:?}", seen.shown, self.shown));
        }
        complaints
    }

    /// The statuses that may be shown.
    pub fn statuses(&self) -> BTreeSet<Option<String>> {
        self.shown.iter().map(|shown| shown.status.clone()).collect()
    }

    /// The status, where there is no choice.
    pub fn status(&self) -> Option<String> {
        self.shown.first().and_then(|shown| shown.status.clone())
    }
}

/// The whole truth at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Every user who owns something or once did.
    pub users: BTreeMap<String, Expected>,
    /// Live subscriptions, and purchases that are paid, mapped and not reversed, that belong to
    /// nobody.
    pub unowned: BTreeSet<String>,
    /// Such of which the prose does not say whether they count: without a mapped item, or with
    /// their days over.
    pub perhaps_unowned: BTreeSet<String>,
}

/// Judges a world at a time.
#[derive(Clone, Copy, Debug)]
pub struct Oracle<'w> {
    pub(super) world: &'w World,
    pub(super) readings: Readings,
    /// Only what was said by then is known, and it is this late.
    pub(super) at: i64,
}

impl<'w> Oracle<'w> {
    /// Judges the world at its present.
    pub fn new(world: &'w World) -> Self {
        Self { world, readings: Readings::default(), at: world.now }
    }

    /// Judges it at the end of an earlier second, or later than its present if nothing more
    /// happens.
    pub fn at(self, at: i64) -> Self {
        Self { at, ..self }
    }

    /// Judges it under other readings of what the prose leaves open.
    pub fn reading(self, readings: Readings) -> Self {
        Self { readings, ..self }
    }

    /// Who has what.
    pub fn answer(&self) -> Answer {
        let users = self.everybody().into_iter().map(|user| {
            let expected = self.expected(&user);
            (user, expected)
        });
        let users = users.collect();
        let (unowned, perhaps_unowned) = self.unowned();
        Answer { users, unowned, perhaps_unowned }
    }

    /// What one user has; a stranger has the lowest role.
    pub fn expected(&self, user: &str) -> Expected {
        let earned = self.earned_by(user);
        let running =
            earned.into_iter().filter(|earned| earned.until.is_none_or(|end| end > self.at));
        let running = running.collect::<Vec<_>>();
        let rank = running.iter().map(|earned| earned.rank).max().unwrap_or(0);
        Expected {
            role: self.world.rules.roles.get(rank).cloned().unwrap_or_default(),
            features: self.features(user, rank),
            active: !running.is_empty(),
            shown: self.shown(user, &running),
        }
    }

    fn everybody(&self) -> BTreeSet<String> {
        let mut seconds =
            self.world.events.iter().map(|event| event.created).collect::<BTreeSet<_>>();
        seconds.extend(self.world.links.iter().map(|link| link.at));
        seconds.retain(|second| *second <= self.at);
        seconds.insert(self.at);
        let owners = seconds.into_iter().flat_map(|second| {
            let then = self.at(second);
            let things = then.things();
            let owners = things.into_iter().filter_map(move |thing| then.owner(&thing));
            owners.collect::<Vec<_>>()
        });
        let mut everybody = owners.collect::<BTreeSet<_>>();
        everybody.extend(self.entitled_users());
        everybody
    }

    fn unowned(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        let (mut certain, mut perhaps) = (BTreeSet::new(), BTreeSet::new());
        for thing in self.things() {
            if self.owner(&thing).is_some() {
                continue;
            }
            let (counts, open) = match &thing {
                Thing::Subscription(id) => (self.is_live(id), !self.is_mapped(id)),
                Thing::Purchase(id) => (!self.is_purchase_reversed(id), self.has_run_out(id)),
            };
            let into = if open { &mut perhaps } else { &mut certain };
            if counts {
                into.insert(self.public_id(&thing));
            }
        }
        (certain, perhaps)
    }
}
