//! The same history by every way in which it can be learned: snapshots alone, by webhook or by `EventBridge`, thin
//! events alone, snapshots with an answer to each, and snapshots of which what is unclear is asked for. All end where the oracle says.

use std::collections::BTreeSet;

use serde_json::Value;
use tierlift_core::{
    observation::{Because, Observed, Window},
    stripe::observation,
};

use super::observed::{Arrival, is_the_only_witness};
use super::*;
use crate::world::Rng;

/// One of this number of histories is learned in every way: that takes several times as long as one way.
const EVERY: usize = 5;

/// Rounds of asking about what is unclear: one settles everything, and shows that there is no second.
const ROUNDS_MAX: usize = 2;

/// The ids that lead to the object that a thin event names: its own, or for what the simulated account shows as
/// a part of something else, that of the other.
fn ids(event: &Event) -> Vec<&str> {
    let object = &event.body["data"]["object"];
    ["id", "charge", "invoice"].iter().filter_map(|field| object[*field].as_str()).collect()
}

/// What the API says about the objects with these ids, some time after a second.
fn asked<'w>(world: &World, ids: &[&str], after: i64, rng: &mut Rng) -> Vec<Arrival<'w>> {
    let from_secs = after + 1 + rng.between(0, 2);
    let to_secs = from_secs + rng.between(0, 3);
    // It is as of some moment in its window.
    let at = rng.between(from_secs, to_secs);
    let observed = Observed { window: Window { from_secs, to_secs }, because: Because::Thin };
    let objects = world.observe(at).into_iter();
    let named = objects.filter(|object| object["id"].as_str().is_some_and(|id| ids.contains(&id)));
    let message = |object: Value| {
        let (object, received_at) = (object.to_string(), Timestamp::from_secs(world.now));
        observation::message(&object, observed, world.rules.livemode, received_at).unwrap()
    };
    named.map(|object| Arrival::Answer(message(object))).collect()
}

/// Whether the object that an event is about can be asked for by the account's own key.
fn is_retrievable(event: &Event) -> bool {
    let is_summary = event.kind.starts_with("entitlements.");
    event.account.is_none() && !is_summary && event.kind != "price.updated"
}

/// Every event as a thin one; what no object shows later stays a snapshot.
fn thin<'w>(world: &'w World, rng: &mut Rng) -> Vec<Arrival<'w>> {
    let arrivals = world.events.iter().flat_map(|event| {
        if !is_retrievable(event) || is_the_only_witness(world, event) {
            return vec![Arrival::Event(event)];
        }
        asked(world, &ids(event), event.created, rng)
    });
    arrivals.collect()
}

/// Every event as a snapshot, and an answer about its object.
fn always<'w>(world: &'w World, rng: &mut Rng) -> Vec<Arrival<'w>> {
    let arrivals = world.events.iter().flat_map(|event| {
        let mut arrivals = vec![Arrival::Event(event)];
        if is_retrievable(event) {
            arrivals.extend(asked(world, &ids(event), event.created, rng));
        }
        arrivals
    });
    arrivals.collect()
}

/// Every event by `EventBridge`, which keeps no order and brings some events twice.
fn partner<'w>(world: &'w World, rng: &mut Rng) -> Vec<Arrival<'w>> {
    let arrivals = world.events.iter().flat_map(|event| {
        let repeats = 1 + usize::from(rng.chance(20));
        std::iter::repeat_with(|| Arrival::Partner(event)).take(repeats)
    });
    arrivals.collect()
}

/// Asks about the subscriptions and sessions of the customers who are due, until nobody is.
fn ask_when_needed(world: &World, outcome: &mut Outcome, rng: &mut Rng) {
    for _ in 0..ROUNDS_MAX {
        let due: BTreeSet<String> = outcome
            .model
            .customers()
            .filter(|customer| customer.fetch_due.is_some())
            .map(|customer| customer.id.to_string())
            .collect();
        let objects = world.observe(world.now);
        let of_due = objects.iter().filter(|object| {
            let of = [&object["customer"], &object["payment_intent"], &object["id"]];
            of.iter().any(|id| id.as_str().is_some_and(|id| due.contains(id)))
        });
        let ids: Vec<&str> = of_due.filter_map(|object| object["id"].as_str()).collect();
        for answer in asked(world, &ids, world.now, rng) {
            outcome.arrive(&answer);
        }
    }
}

#[test]
fn every_way_to_learn_a_history_leads_to_the_same_end() {
    for seed in worlds().step_by(EVERY) {
        let world = World::generate(seed);
        let oracle = Oracle::new(&world).reading(READINGS);
        let answer = oracle.answer();
        let mut rng = Rng::new(seed);
        let snapshots: Vec<_> = world.events.iter().map(Arrival::Event).collect();
        let mut ways = [
            ("thin", thin(&world, &mut rng)),
            ("always", always(&world, &mut rng)),
            ("EventBridge", partner(&world, &mut rng)),
            ("snapshots", snapshots),
        ];
        for (way, arrivals) in &mut ways {
            rng.shuffle(arrivals);
            let mut outcome = Outcome::of_all(&world, arrivals);
            assert_eq!(
                outcome.complaints(&oracle, &answer),
                [""; 0],
                "seed {seed}, {way}\n{}",
                world.story()
            );
            ask_when_needed(&world, &mut outcome, &mut rng);
            assert_eq!(
                outcome.complaints(&oracle, &answer),
                [""; 0],
                "seed {seed}, {way}, asked\n{}",
                world.story()
            );
        }
    }
}
