//! Derives who should have what from objects and their histories, by the rules as documented. It
//! is simple rather than fast.

mod features;
mod owner;
mod purchase;
mod reversal;
mod shown;
mod subscription;

use std::collections::{BTreeMap, BTreeSet};

use super::account::World;

pub(super) use owner::Thing;

/// How the oracle reads what the documents leave open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readings {
    /// An ended subscription still names a user for the others of its customer (source 6).
    pub ended_subscriptions_vouch: bool,
    /// So does a purchase that was refunded or lost in a dispute.
    pub reversed_purchases_vouch: bool,
    /// A subscription without a mapped item counts for source 6 and for the owner of features.
    pub unmapped_subscriptions_count: bool,
    /// A purchase whose days are over still counts as live, for the owner of features.
    pub run_out_purchases_are_live: bool,
    /// A subscription that earns nothing now still counts as live, for the owner of features.
    pub idle_subscriptions_are_live: bool,
    /// A deleted customer keeps its entitlements until a summary removes them.
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

/// What a session shows of the best subscription.
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
    /// Whether anything earns a role now.
    pub active: bool,
    /// What may be shown: several alternatives if the documents leave a choice. Never empty.
    pub shown: BTreeSet<Shown>,
}

/// What an implementation reports about a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub role: String,
    pub features: BTreeSet<String>,
    pub active: bool,
    pub shown: Shown,
}

impl Expected {
    /// The differences from what was seen.
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

    /// The status, if there is no choice.
    pub fn status(&self) -> Option<String> {
        self.shown.first().and_then(|shown| shown.status.clone())
    }
}

/// What is true at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Every user who owns something, or owned something before.
    pub users: BTreeMap<String, Expected>,
    /// Live subscriptions, and paid, mapped purchases that are not reversed, without an owner.
    pub unowned: BTreeSet<String>,
    /// Those for which the documents leave open whether they count: without a mapped item, or with
    /// their days over.
    pub perhaps_unowned: BTreeSet<String>,
}

/// Judges a world at one time.
#[derive(Clone, Copy, Debug)]
pub struct Oracle<'w> {
    pub(super) world: &'w World,
    pub(super) readings: Readings,
    /// The time at which the oracle judges. It ignores everything later.
    pub(super) at: i64,
}

impl<'w> Oracle<'w> {
    /// Judges the world at its current time.
    pub fn new(world: &'w World) -> Self {
        Self { world, readings: Readings::default(), at: world.now }
    }

    /// Judges it at the end of another second: an earlier one, or a later one until which nothing
    /// happens.
    pub fn at(self, at: i64) -> Self {
        Self { at, ..self }
    }

    /// Judges it under other readings.
    pub fn reading(self, readings: Readings) -> Self {
        Self { readings, ..self }
    }

    /// What every user has.
    pub fn answer(&self) -> Answer {
        let users = self.everybody().into_iter().map(|user| {
            let expected = self.expected(&user);
            (user, expected)
        });
        let users = users.collect();
        let (unowned, perhaps_unowned) = self.unowned();
        Answer { users, unowned, perhaps_unowned }
    }

    /// What one user has. An unknown user has the lowest role.
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
