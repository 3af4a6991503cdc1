//! The same with observations: what Stripe's API shows of every object, at any time, beside events of which
//! some are lost.

use tierlift_core::{
    observation::{Because, Observed, Window},
    ports::Message,
    stripe::observation,
};

use super::*;
use crate::world::{Report, Rng, Status};

/// Percent of the events that never arrive.
const LOST_PERCENT: usize = 30;

pub(super) enum Arrival<'w> {
    Event(&'w Event),
    /// The event as `EventBridge` brings it: the same JSON in other bytes.
    Partner(&'w Event),
    Answer(Message),
}

/// What the API shows of everything at the end of a second, in answers with this window.
fn answers(world: &World, at: i64, window: Window) -> Vec<Arrival<'static>> {
    let observed = Observed { window, because: Because::Reconcile };
    let objects = world.observe(at).into_iter();
    let message = |object: serde_json::Value| {
        let (object, received_at) = (object.to_string(), Timestamp::from_secs(world.now));
        observation::message(&object, observed, world.rules.livemode, received_at).unwrap()
    };
    objects.map(|object| Arrival::Answer(message(object))).collect()
}

impl Outcome {
    pub(super) fn of_all(world: &World, arrivals: &[Arrival<'_>]) -> Self {
        let mut outcome = Self::new(world);
        let mut open: Vec<&Arrival<'_>> = arrivals.iter().collect();
        // Redrives the dead letters for as long as that helps.
        loop {
            let count = open.len();
            open.retain(|arrival| !outcome.arrive(arrival));
            if open.is_empty() || open.len() == count {
                return outcome;
            }
        }
    }

    pub(super) fn arrive(&mut self, arrival: &Arrival<'_>) -> bool {
        match arrival {
            Arrival::Event(event) => self.deliver(event),
            Arrival::Partner(event) => {
                self.deliver_body(&serde_json::to_string_pretty(&event.body).unwrap())
            }
            Arrival::Answer(message) => match self.model.take(message, &self.policy, self.now) {
                Delivered::Parked(Code::PlanUnmapped | Code::ItemsTruncated) => false,
                Delivered::Parked(other) => panic!("{other}: {message:?}"),
                Delivered::Committed(_) | Delivered::Duplicate | Delivered::Ignored => true,
            },
        }
    }

    /// The customers as they are stored. The state must not depend on the order.
    fn customers(&self) -> Vec<String> {
        self.state().into_iter().filter(|line| line.starts_with('{')).collect()
    }
}

/// Whether an event tells what no object shows later: the time at which a subscription became past due, a
/// lookup key that its price no longer has, what proved a first payment, and the metadata of a customer
/// that is gone.
pub(super) fn is_the_only_witness(world: &World, event: &Event) -> bool {
    if !event.kind.starts_with("customer.") {
        return false;
    }
    let object = &event.body["data"]["object"];
    let Some(subscription) = object["id"].as_str().and_then(|id| world.subscriptions.get(id))
    else {
        let id = object["id"].as_str().unwrap_or_default();
        return world.customers.get(id).is_some_and(|customer| customer.deleted_at.is_some());
    };
    let is_unproven = world.sessions.values().any(|session| {
        session.subscription.as_ref() == Some(&subscription.id)
            && session.reports.iter().any(|report| !Report::is_paid(report.value))
    });
    let is_past_due =
        subscription.history.iter().any(|state| state.value.status == Status::PastDue);
    let has_moved = world.events.iter().any(|event| event.kind == "price.updated");
    is_unproven || is_past_due || has_moved
}

#[test]
fn one_quiet_answer_about_everything_mends_what_was_lost() {
    let (mut lost, mut all) = (0, 0);
    for seed in worlds() {
        let world = World::generate(seed);
        let oracle = Oracle::new(&world).reading(READINGS);
        let mut rng = Rng::new(seed);
        let mut arrivals: Vec<Arrival<'_>> = Vec::new();
        for event in Delivery::shuffle(&world, seed) {
            all += 1;
            if rng.chance(LOST_PERCENT) && !is_the_only_witness(&world, event) {
                lost += 1;
            } else {
                arrivals.push(Arrival::Event(event));
            }
        }
        // The events end before the present, and the answers come after it.
        let quiet = Window { from_secs: world.now + 1, to_secs: world.now + 1 };
        let mut quiet = answers(&world, world.now, quiet);
        rng.shuffle(&mut quiet);
        arrivals.extend(quiet);
        let outcome = Outcome::of_all(&world, &arrivals);
        let complaints = outcome.complaints(&oracle, &oracle.answer());
        let state = || outcome.state().join("\n");
        assert_eq!(complaints, [""; 0], "seed {seed}\n{}\n{}", world.story(), state());
    }
    // Of few histories it may be fewer.
    let are_few = worlds().end - worlds().start < WORLDS;
    assert!(are_few || lost * 6 > all, "{lost} of {all} events were lost");
}

#[test]
fn events_and_answers_in_any_order_leave_the_same() {
    for seed in worlds() {
        let world = World::generate(seed);
        let mut rng = Rng::new(seed);
        let mut arrivals: Vec<Arrival<'_>> = Vec::new();
        arrivals.extend(Delivery::in_order(&world).into_iter().map(Arrival::Event));
        arrivals.retain(|_| !rng.chance(LOST_PERCENT));
        let first = world.events.first().map_or(world.now, |event| event.created);
        for _ in 0..3 {
            let at = rng.between(first, world.now);
            let from_secs = at - rng.between(0, 9);
            let window = Window { from_secs, to_secs: at + rng.between(0, 1) };
            arrivals.extend(answers(&world, at, window));
        }
        let expected = Outcome::of_all(&world, &arrivals).customers();
        for _ in 0..3 {
            rng.shuffle(&mut arrivals);
            let got = Outcome::of_all(&world, &arrivals).customers();
            assert_eq!(got, expected, "seed {seed}\n{}", world.story());
        }
    }
}
