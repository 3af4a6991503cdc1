use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use proptest::prelude::*;
use tierlift_core::{fold::Before, stripe::event::Fact, subscription::Node};

use super::*;
use crate::{
    facts::customer_id,
    model::{ReferenceModel, policy, read},
};

const NOW: i64 = 1_800_000_000;

fn plan(count: usize, duplicates: usize, seed: u64) -> Plan {
    Plan {
        user: "ada".to_owned(),
        customer: "cus_storm".to_owned(),
        price: "price_pro".to_owned(),
        count,
        duplicates,
        shuffle: true,
        seed,
        at_secs: NOW,
    }
}

fn check_end(plan: &Plan) {
    let storm = plan.storm();
    let mut model = ReferenceModel::new(policy(), NOW);
    for event in &storm.deliveries {
        model.deliver(event);
    }
    assert_eq!(model.stored.ledger.len(), plan.count);
    for sub in &storm.users {
        assert_eq!(model.role(&sub.user), "paid", "{}, seed {}", sub.user, plan.seed);
        let states: Vec<_> = model
            .stored
            .customer(&customer_id(&sub.customer))
            .states()
            .filter(|(_, known, _)| !known.record.is_ended())
            .map(|(id, _, state)| (id.to_string(), state.node.status.clone(), state.ambiguous))
            .collect();
        assert_eq!(states, [(sub.id.clone(), Status::Active, false)]);
    }
    let live = model.stored.customers().flat_map(|customer| customer.subscriptions.into_values());
    assert_eq!(live.filter(|sub| !sub.record.is_ended()).count(), storm.users.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_storm_ends_as_it_says_in_any_order(
        count in 1_usize..400, duplicates in 0_usize..100, seed: u64,
    ) {
        check_end(&plan(count, duplicates, seed));
    }
}

#[test]
fn ten_thousand_events_end_as_they_should() {
    check_end(&plan(10_000, 2_000, 7));
}

#[test]
fn every_subscription_is_one_chain_of_edges() {
    let storm = Plan { shuffle: false, ..plan(900, 0, 5) }.storm();
    let mut before: BTreeMap<String, (i64, Arc<Node>)> = BTreeMap::new();
    for event in &storm.deliveries {
        let Fact::Subscription { id, edge } = read(event).fact else { continue };
        let known = before.insert(id.to_string(), (edge.at_secs, Arc::clone(&edge.to)));
        match (&edge.before, known) {
            (Before::Created, None) => {}
            (Before::Unknown, Some(_)) if edge.to.status.is_terminal() => {}
            (Before::Node(node), Some((at_secs, last))) => {
                assert_eq!((node, at_secs <= edge.at_secs), (&last, true));
            }
            other => panic!("{id}: {other:?}"),
        }
    }
}

#[test]
fn a_storm_keeps_its_limits_and_shares_seconds() {
    let storm = plan(10_000, 500, 11).storm();
    assert_eq!(storm.deliveries.len(), 10_500);
    assert_eq!(storm.users.len(), 34);
    assert_eq!(storm.users[0].user, "ada");
    assert_eq!(storm.users[33].user, "ada-34");
    let ids: BTreeSet<_> = storm.deliveries.iter().map(|event| &event.id).collect();
    assert_eq!(ids.len(), 10_000, "no two events share an id");
    let mut of_sub: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut of_customer: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut of_second: BTreeMap<(String, i64), usize> = BTreeMap::new();
    for event in &storm.deliveries {
        assert!((NOW - 60..=NOW).contains(&event.created_secs));
        if let Fact::Subscription { id, .. } = read(event).fact {
            let (id, customer) = (id.to_string(), event.customer.clone());
            of_sub.entry(id.clone()).or_default().insert(event.id.clone());
            of_customer.entry(customer).or_default().insert(id.clone());
            *of_second.entry((id, event.created_secs)).or_default() += 1;
        }
    }
    assert!(of_sub.values().all(|events| events.len() <= EVENTS_PER_SUBSCRIPTION_MAX));
    assert!(of_customer.values().all(|subs| subs.len() <= 20));
    assert!(of_second.values().filter(|count| **count > 1).count() > 500);
}

#[test]
fn the_same_plan_is_the_same_storm() {
    assert_eq!(plan(500, 50, 3).storm(), plan(500, 50, 3).storm());
    assert_ne!(plan(500, 50, 3).storm(), plan(500, 50, 4).storm());
}
