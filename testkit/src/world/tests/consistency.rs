//! Worlds keep their promises: no history is ambiguous, and events report exactly what happened.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::{Delivery, Oracle, Subject, World};

const SEEDS: u64 = 700;

fn chain(world: &World, id: &str) -> Vec<(i64, Value, Option<Value>)> {
    let subject = Subject::Subscription(id.to_owned());
    let told = world.events.iter().filter(|event| {
        event.subject == subject && event.kind.starts_with("customer.subscription.")
    });
    let told = told.map(|event| {
        let data = &event.body["data"];
        (event.created, data["object"].clone(), data.get("previous_attributes").cloned())
    });
    told.collect()
}

/// An object with its previous attributes restored.
fn before(object: &Value, previous: &Value) -> Value {
    let mut object = object.clone();
    for (key, value) in previous.as_object().into_iter().flatten() {
        match (key.as_str(), value) {
            ("metadata" | "items", Value::Object(entries)) => {
                for (name, entry) in entries {
                    object[key][name] = entry.clone();
                }
            }
            _ => object[key] = value.clone(),
        }
    }
    object
}

fn without_noise(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.retain(|_, value| !value.is_null());
    }
    for item in object["items"]["data"].as_array_mut().into_iter().flatten() {
        // A lookup key may move, and the API version may change, between two events.
        item["price"]["lookup_key"] = Value::Null;
        item.as_object_mut().unwrap().retain(|key, _| !key.starts_with("current_period"));
    }
    let top = ["current_period_start", "current_period_end", "plan", "quantity"];
    object.as_object_mut().unwrap().retain(|key, _| !top.contains(&key.as_str()));
    object
}

#[test]
fn each_update_begins_where_the_last_event_ended() {
    for seed in 0..SEEDS {
        let world = World::generate(seed);
        for id in world.subscriptions.keys() {
            let chain = chain(&world, id);
            for pair in chain.windows(2) {
                let (_, last, _) = &pair[0];
                let (_, object, Some(previous)) = &pair[1] else {
                    continue;
                };
                assert_ne!(previous, &serde_json::json!({}), "{}", world.story());
                let began = without_noise(&before(object, previous));
                assert_eq!(began, without_noise(last), "{}", world.story());
            }
        }
    }
}

#[test]
fn the_objects_are_what_the_last_events_show() {
    for seed in 0..SEEDS {
        let world = World::generate(seed);
        for (id, subscription) in &world.subscriptions {
            let chain = chain(&world, id);
            assert_eq!(chain.len(), subscription.history.len());
            let (at, last, _) = &chain[chain.len() - 1];
            assert_eq!(last["status"], subscription.node().status.word());
            assert_eq!(*at, subscription.history[chain.len() - 1].at);
            let shown = last["items"]["data"].as_array().map_or(0, Vec::len);
            assert_eq!(shown, subscription.node().items.len().min(10));
        }
    }
}

/// The state at the end of a second follows from its events in any order: every other state has a
/// successor.
#[test]
fn no_second_returns_to_a_state_that_it_had() {
    for seed in 0..SEEDS {
        let world = World::generate(seed);
        for id in world.subscriptions.keys() {
            let mut seconds = BTreeMap::<i64, Vec<Value>>::new();
            let mut last = None;
            for (at, object, _) in chain(&world, id) {
                let mut node = without_noise(&object);
                node["metadata"] = Value::Null;
                node["latest_invoice"] = Value::Null;
                let had = seconds.entry(at).or_insert_with(|| last.clone().into_iter().collect());
                if had.last() != Some(&node) {
                    assert!(!had.contains(&node), "{}", world.story());
                    had.push(node.clone());
                }
                last = Some(node);
            }
        }
    }
}

#[test]
fn names_of_a_second_never_decrease() {
    for seed in 0..SEEDS {
        let world = World::generate(seed);
        let subscriptions = world.subscriptions.values().map(|it| {
            it.history.iter().map(|said| (said.at, &said.value.metadata)).collect::<Vec<_>>()
        });
        let customers = world.customers.values();
        let customers =
            customers.map(|it| it.metadata.iter().map(|said| (said.at, &said.value)).collect());
        for history in subscriptions.chain(customers) {
            for pair in history.windows(2) {
                let (old, new) = (world.rules.named(pair[0].1), world.rules.named(pair[1].1));
                assert!(pair[0].0 < pair[1].0 || old <= new, "{}", world.story());
                assert!(old.is_none() || new.is_some(), "{}", world.story());
            }
        }
    }
}

/// Every owner is named by an event that counts.
#[test]
fn every_owner_is_named_by_some_event() {
    for seed in 0..SEEDS {
        let world = World::generate(seed);
        let counting = world.events.iter().filter(|it| world.rules.counts(it.account.as_deref()));
        let bodies = counting.map(|event| event.body.to_string()).collect::<String>();
        for user in Oracle::new(&world).answer().users.keys() {
            assert!(bodies.contains(&format!("\"{user}\"")), "{user} {}", world.story());
        }
    }
}

/// Users whom an event does not concern have the same before and after it.
#[test]
fn events_change_nobody_whom_they_do_not_concern() {
    for seed in 0..200 {
        let world = World::generate(seed);
        let mut seconds = world.events.iter().map(|event| event.created).collect::<Vec<_>>();
        seconds.dedup();
        for second in seconds {
            let happened = Delivery::in_order(&world).into_iter().filter(|it| it.created == second);
            let mut concerned = std::collections::BTreeSet::new();
            for event in happened {
                let concern = world.concern(event);
                concerned.extend(concern.own);
                concerned.extend(concern.customer);
            }
            let after = Oracle::new(&world).at(second).answer();
            for (user, expected) in &after.users {
                // The facts of the second before, at the same time.
                let before = Oracle::new(&world).at(second - 1).expected(user);
                let ends = (second - 1..=second).any(|it| world.is_boundary(it));
                let same = before.role == expected.role && before.features == expected.features;
                assert!(
                    same || ends || concerned.contains(user),
                    "{user} @{second} {}",
                    world.story()
                );
            }
        }
    }
}

#[test]
fn nothing_ends_in_the_present_second() {
    for seed in 0..SEEDS {
        let world = World::generate(seed);
        assert!(!world.is_boundary(world.now), "{}", world.story());
        assert!(world.events.iter().all(|event| event.created < world.now));
        let answer = Oracle::new(&world).answer();
        for (user, expected) in &answer.users {
            assert!(!expected.shown.is_empty());
            assert!(!user.starts_with("order-") && !user.starts_with("ref-"), "{}", world.story());
            assert!(expected.active || expected.role == world.rules.roles[0]);
        }
    }
}
