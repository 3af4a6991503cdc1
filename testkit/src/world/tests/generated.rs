use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::{ActionKind, Delivery, Options, Oracle, Rng, Rules, World};

#[test]
fn a_world_is_a_function_of_its_seed() {
    for seed in 0..200 {
        let (one, two) = (World::generate(seed), World::generate(seed));
        assert_eq!(one.story(), two.story());
        let bodies =
            |world: &World| world.events.iter().map(|it| it.body.to_string()).collect::<Vec<_>>();
        assert_eq!(bodies(&one), bodies(&two));
        assert_eq!(Oracle::new(&one).answer(), Oracle::new(&two).answer());
        let ids = |world: &World| {
            Delivery::shuffle(world, seed).iter().map(|it| it.id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(ids(&one), ids(&two));
    }
}

#[test]
fn bodies_are_events_as_stripe_sends_them() {
    for seed in 0..500 {
        let world = World::generate(seed);
        let mut ids = BTreeSet::new();
        for event in &world.events {
            let body: Value = serde_json::from_str(&event.body.to_string()).unwrap();
            assert_eq!(body, event.body);
            assert_eq!(
                (&body["object"], &body["type"]),
                (&"event".into(), &event.kind.clone().into())
            );
            assert!(body["data"]["object"].is_object());
            assert!(event.created <= world.now);
            let updated = event.kind.ends_with(".updated") && event.kind.starts_with("customer.");
            assert_eq!(
                body["data"]["previous_attributes"].is_object(),
                updated
                    || event.account == Some("acct_evil".into())
                        && body["data"].get("previous_attributes").is_some()
            );
            ids.insert(event.id.clone());
        }
        assert_eq!(ids.len(), world.events.len());
        assert!(world.events.is_sorted_by_key(|event| event.created));
    }
}

#[test]
fn every_kind_of_action_occurs() {
    let mut counts = BTreeMap::<ActionKind, usize>::new();
    let mut kinds = BTreeMap::<String, usize>::new();
    let (mut events, mut roles) = (0, BTreeMap::<String, usize>::new());
    let mut owned = [0; 4];
    for seed in 0..2_000 {
        let options = Options { links: seed % 4 == 0, ..Options::default() };
        let world = World::generate_with(seed, options);
        for action in &world.log {
            *counts.entry(action.value.kind).or_default() += 1;
        }
        for event in &world.events {
            *kinds.entry(event.kind.clone()).or_default() += 1;
        }
        events += world.events.len();
        let answer = Oracle::new(&world).answer();
        for expected in answer.users.values() {
            *roles.entry(expected.role.clone()).or_default() += 1;
            owned[0] += usize::from(expected.active);
            owned[1] += usize::from(expected.shown.len() > 1);
        }
        owned[2] += answer.unowned.len();
        owned[3] += answer.perhaps_unowned.len();
    }
    println!("{counts:#?}\n{kinds:#?}\n{events} events, roles {roles:?}");
    println!("active {}, open {}, unowned {}, perhaps {}", owned[0], owned[1], owned[2], owned[3]);
    for kind in ActionKind::ALL {
        assert!(counts.get(kind).is_some_and(|count| *count >= 20), "{kind:?} is rare: {counts:?}");
    }
}

proptest::proptest! {
    #[test]
    fn any_seed_makes_a_world_that_can_be_judged(seed: u64, actions_max in 1_usize..60, links: bool) {
        let options = Options { actions_max, links, ..Options::default() };
        let world = World::generate_with(seed, options);
        let answer = Oracle::new(&world).answer();
        assert!(answer.users.values().all(|expected| !expected.shown.is_empty()));
        for subscription in world.subscriptions.values() {
            assert!(subscription.history.len() <= 13);
        }
        for event in &world.events {
            let _ = world.concern(event);
        }
    }
}

#[test]
fn a_shuffle_keeps_every_event_and_repeats_some() {
    let mut repeated = false;
    for seed in 0..100 {
        let world = World::generate(seed);
        let shuffled = Delivery::shuffle(&world, seed);
        let all = world.events.iter().map(|event| &event.id).collect::<BTreeSet<_>>();
        let seen = shuffled.iter().map(|event| &event.id).collect::<BTreeSet<_>>();
        assert_eq!(all, seen);
        repeated |= shuffled.len() > world.events.len();
        assert_eq!(Delivery::nearly_in_order(&world, seed, 5).len(), world.events.len());
    }
    assert!(repeated);
}

#[test]
fn configurations_have_a_toml_text() {
    let mut rng = Rng::new(7);
    for rules in Rules::presets().into_iter().chain((0..20).map(|_| Rules::generate(&mut rng))) {
        let text = rules.toml();
        assert!(text.contains("month_pass = { role = \"paid\", days = 30 }"), "{text}");
        assert!(text.contains("[purchases]"));
    }
}
