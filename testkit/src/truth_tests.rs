//! Delivers generated histories of a Stripe account in any order, and compares the result with the oracle,
//! which reads no event.

mod observed;
mod ways;

use std::{collections::BTreeSet, ops::Range};

use tierlift_core::{
    account::{Account, Standing},
    codes::Code,
    id::UserId,
    model::{Delivered, ReferenceModel},
    policy::{
        Access, OnDispute, OnReversal, PastDue, PauseCollection, PlanConfig, Policy, PolicyConfig,
        Stack, UnmappedPrice,
    },
    time::Timestamp,
};

use crate::world::{
    self, Answer, Delivery, DisputePolicy, Event, Keep, Oracle, Readings, Rules, Seen, Shown,
    Unmapped, World,
};

/// The number of histories, each in several orders.
const WORLDS: u64 = 300;

/// How core reads what the documents leave open: ownership does not depend on the clock.
const READINGS: Readings = Readings {
    ended_subscriptions_vouch: true,
    reversed_purchases_vouch: true,
    unmapped_subscriptions_count: true,
    run_out_purchases_are_live: true,
    idle_subscriptions_are_live: true,
    deleted_customers_keep_entitlements: false,
};

fn worlds() -> Range<u64> {
    world::seeds(WORLDS)
}

const fn access(keep: Keep) -> Access {
    match keep {
        Keep::Keep => Access::Keep,
        Keep::Revoke => Access::Revoke,
    }
}

const fn on_dispute(dispute: DisputePolicy) -> OnDispute {
    match dispute {
        DisputePolicy::Keep => OnDispute::Keep,
        DisputePolicy::Revoke => OnDispute::Revoke,
        DisputePolicy::RevokeWhenLost => OnDispute::RevokeWhenLost,
    }
}

/// The policy of a world.
fn policy(rules: &Rules) -> Policy {
    let plan = |(key, plan): (&String, &world::Plan)| PlanConfig {
        days: plan.days,
        ..PlanConfig::new(key, &plan.role)
    };
    let reversal =
        |refund, dispute| OnReversal { refund: access(refund), dispute: on_dispute(dispute) };
    let features = rules.features.iter();
    Policy::new(PolicyConfig {
        roles: rules.roles.clone(),
        plans: rules.plans.iter().map(plan).collect(),
        features: features.map(|(role, names)| (role.clone(), names.clone())).collect(),
        user_id_keys: rules.user_id_keys.clone(),
        connected_accounts: rules.connected_accounts.clone(),
        livemode: rules.livemode,
        past_due: match rules.past_due {
            Keep::Keep => PastDue::Keep,
            Keep::Revoke => PastDue::Revoke,
        },
        grace_days: rules.grace_days,
        unmapped_price: match rules.unmapped_price {
            Unmapped::Park => UnmappedPrice::Park,
            Unmapped::Ignore => UnmappedPrice::Ignore,
        },
        ignore_prices: rules.ignore_prices.clone(),
        pause_collection: PauseCollection {
            keep_as_draft: access(rules.pause_collection.keep_as_draft),
            mark_uncollectible: access(rules.pause_collection.mark_uncollectible),
            void: access(rules.pause_collection.void),
        },
        subscription_reversal: reversal(rules.refund, rules.dispute),
        purchase_reversal: reversal(rules.purchase_refund, rules.purchase_dispute),
        stack: match rules.stack {
            world::Stack::Extend => Stack::Extend,
            world::Stack::Longest => Stack::Longest,
        },
        ..PolicyConfig::default()
    })
    .unwrap()
}

/// The reference model after some events of a world.
struct Outcome {
    model: ReferenceModel,
    policy: Policy,
    now: Timestamp,
}

impl Outcome {
    fn new(world: &World) -> Self {
        let mut model = ReferenceModel::default();
        model.connected_accounts.clone_from(&world.rules.connected_accounts);
        Self { model, policy: policy(&world.rules), now: Timestamp::from_secs(world.now) }
    }

    fn of(world: &World, events: &[&Event]) -> Self {
        let mut outcome = Self::new(world);
        let mut parked: Vec<&Event> =
            events.iter().copied().filter(|event| !outcome.deliver(event)).collect();
        // Redrives the dead letters: an event that arrived before its price was known is applied then.
        parked.retain(|event| !outcome.deliver(event));
        assert!(parked.is_empty(), "{}", parked[0].body);
        outcome
    }

    /// Delivers an event. Returns whether it was not parked.
    fn deliver(&mut self, event: &Event) -> bool {
        self.deliver_body(&event.body.to_string())
    }

    fn deliver_body(&mut self, body: &str) -> bool {
        match self.model.deliver(body.as_bytes(), &self.policy, self.now) {
            Delivered::Parked(Code::PlanUnmapped | Code::ItemsTruncated) => false,
            Delivered::Parked(other) => panic!("{other}: {body}"),
            Delivered::Committed(_) | Delivered::Duplicate | Delivered::Ignored => true,
        }
    }

    fn seen(&self, user: &str) -> Seen {
        let user = UserId::new(user).unwrap();
        let account = self.model.account(&user);
        let account = account.unwrap_or_else(|| Account::new(user, &self.policy));
        let effective = account.effective(&self.policy, self.now);
        let Standing { subscription_active, subscription_expires_at, shown, features } =
            effective.standing;
        let secs = |at: Option<Timestamp>| at.map(Timestamp::as_secs);
        Seen {
            role: effective.role.to_string(),
            features: features.iter().map(ToString::to_string).collect(),
            active: subscription_active,
            shown: Shown {
                status: shown.status.map(|status| status.as_str().to_owned()),
                expires_at: secs(subscription_expires_at),
                trial_ends_at: secs(shown.trial_ends_at),
                cancel_at: secs(shown.cancel_at),
                past_due_since: secs(shown.past_due_since),
            },
        }
    }

    /// The differences from the oracle.
    fn complaints(&self, oracle: &Oracle<'_>, answer: &Answer) -> Vec<String> {
        let known = self.model.accounts().map(|account| account.user.to_string());
        let users: BTreeSet<String> = answer.users.keys().cloned().chain(known).collect();
        let mut complaints = Vec::new();
        for user in users {
            let wrong = oracle.expected(&user).complaints(&self.seen(&user));
            complaints.extend(wrong.into_iter().map(|wrong| format!("{user}: {wrong}")));
        }
        complaints
    }

    /// The state that must not depend on the order.
    fn state(&self) -> Vec<String> {
        let customers =
            self.model.customers().map(|customer| serde_json::to_string(&customer).unwrap());
        let accounts = self.model.accounts().map(|account| {
            let effective = account.effective(&self.policy, self.now);
            format!("{} {:?} {effective:?}", account.user, account.grants)
        });
        customers.chain(accounts).collect()
    }
}

#[test]
fn any_history_in_any_order_is_what_the_oracle_says() {
    for seed in worlds() {
        let world = World::generate(seed);
        let oracle = Oracle::new(&world).reading(READINGS);
        let answer = oracle.answer();
        let in_order = Outcome::of(&world, &Delivery::in_order(&world));
        let complaints = in_order.complaints(&oracle, &answer);
        let state = || in_order.state().join("\n");
        assert!(
            complaints.is_empty(),
            "seed {seed}: {complaints:#?}\n{}\n{}",
            world.story(),
            state()
        );
        for shuffle in 0..3 {
            let shuffled = Outcome::of(&world, &Delivery::shuffle(&world, shuffle));
            assert_eq!(
                shuffled.complaints(&oracle, &answer),
                [""; 0],
                "seed {seed}, shuffle {shuffle}"
            );
            let customers = |outcome: &Outcome| {
                outcome.state().into_iter().filter(|line| line.starts_with('{')).collect::<Vec<_>>()
            };
            assert_eq!(customers(&shuffled), customers(&in_order), "seed {seed}, {shuffle}");
        }
    }
}

#[test]
fn an_event_changes_nobody_whom_it_does_not_concern() {
    for seed in worlds() {
        let world = World::generate(seed);
        let mut outcome = Outcome::new(&world);
        for event in Delivery::shuffle(&world, seed) {
            let before: Vec<Account> = outcome.model.accounts().collect();
            outcome.deliver(event);
            let concern = world.concern(event);
            for account in outcome.model.accounts() {
                let user = account.user.as_str();
                let known = before.iter().find(|known| known.user == account.user);
                let role = |account: &Account| (account.role.clone(), account.grants.clone());
                let changed = match known {
                    Some(known) => role(known) != role(&account),
                    None => account.role != *outcome.policy.lowest() || !account.grants.is_empty(),
                };
                let may = concern.own.contains(user) || concern.customer.contains(user);
                assert!(!changed || may, "seed {seed}: {} changed {user}", event.body);
            }
        }
    }
}
