use std::sync::{Arc, atomic::AtomicI64};

use proptest::prelude::*;

use super::*;

const START: Timestamp = Timestamp::from_secs(1_800_000_000);
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// A machine whose system time and whose count of seconds are moved apart.
#[derive(Clone, Default)]
struct Machine {
    ticks: Arc<AtomicI64>,
    error: Arc<AtomicI64>,
}

impl Machine {
    fn clock(&self) -> impl TimeSource + use<> {
        let (wall, ticks) = (self.clone(), Arc::clone(&self.ticks));
        SteadyClock::new(
            move || START.plus_secs(wall.ticks.load(Relaxed) + wall.error.load(Relaxed)),
            move || ticks.load(Relaxed) * 1_000_000,
        )
    }

    fn truth(&self) -> Timestamp {
        START.plus_secs(self.ticks.load(Relaxed))
    }

    fn pass(&self, secs: i64) {
        self.ticks.fetch_add(secs, Relaxed);
    }

    fn err_by(&self, secs: i64) {
        self.error.store(secs, Relaxed);
    }
}

#[test]
fn a_jump_of_seconds_is_not_followed_and_leaves_nothing_behind() {
    for jump in [60 * DAY, 91 * DAY, -2 * HOUR, -DAY] {
        let machine = Machine::default();
        let clock = machine.clock();
        machine.err_by(jump);
        for _ in 0..7 {
            machine.pass(1);
            assert_eq!(clock.now(), machine.truth());
            assert!(clock.is_held() && !clock.is_confirmed());
        }
        machine.err_by(0);
        assert_eq!(clock.now(), machine.truth());
        assert!(!clock.is_held());
        assert_eq!(clock.corrections(), 0);
    }
}

#[test]
fn small_steps_are_followed_at_once_however_many() {
    let machine = Machine::default();
    let clock = machine.clock();
    for step in 1..=20 {
        machine.err_by(step * HOUR / 2);
        machine.pass(1);
        assert_eq!(clock.now(), machine.truth().plus_secs(step * HOUR / 2));
    }
    assert!(!clock.is_held());
}

#[test]
fn a_jump_that_stays_is_followed_after_an_hour() {
    let machine = Machine::default();
    let clock = machine.clock();
    machine.err_by(DAY);
    assert_eq!(clock.now(), machine.truth());
    machine.pass(HOUR - 1);
    assert_eq!(clock.now(), machine.truth());
    machine.pass(1);
    assert_eq!(clock.now(), machine.truth().plus_secs(DAY));
    assert!(clock.is_confirmed());
    assert_eq!(clock.corrections(), 0, "nothing was decided too early");
    // That was wrong: what was decided meanwhile has to be decided again.
    machine.err_by(0);
    assert_eq!(clock.now(), machine.truth().plus_secs(DAY));
    machine.pass(HOUR);
    assert_eq!(clock.now(), machine.truth());
    assert_eq!(clock.corrections(), 1);
}

#[test]
fn what_stripe_signs_decides_between_two_times() {
    let machine = Machine::default();
    let clock = machine.clock();
    machine.err_by(DAY);
    assert!(!clock.witness(machine.truth()), "the jump is wrong");
    assert_eq!(clock.now(), machine.truth());
    machine.pass(HOUR - 1);
    assert!(!clock.witness(machine.truth().plus_secs(-2)));
    machine.pass(HOUR - 1);
    assert_eq!(clock.now(), machine.truth(), "nothing speaks for it as long as Stripe does not");

    assert!(!clock.witness(machine.truth().plus_secs(DAY - 301)), "neither time agrees");
    assert!(clock.witness(machine.truth().plus_secs(DAY)), "the jump is right");
    assert_eq!(clock.now(), machine.truth().plus_secs(DAY));
    assert!(clock.is_confirmed());
}

#[test]
fn a_clock_is_confirmed_by_an_hour_or_by_stripe() {
    let machine = Machine::default();
    let clock = machine.clock();
    assert!(!clock.is_confirmed());
    machine.pass(HOUR);
    assert!(clock.is_confirmed());
    let clock = machine.clock();
    assert!(!clock.witness(machine.truth().plus_secs(301)));
    assert!(!clock.is_confirmed());
    assert!(!clock.witness(machine.truth().plus_secs(-300)));
    assert!(clock.is_confirmed());
}

#[test]
fn a_clock_behind_what_is_stored_follows_the_mend_at_once() {
    let machine = Machine::default();
    machine.err_by(-DAY);
    let clock = machine.clock();
    clock.compare(machine.truth());
    machine.pass(5);
    machine.err_by(0);
    assert_eq!(clock.now(), machine.truth());
    assert_eq!(clock.corrections(), 0);
}

#[test]
fn what_was_stored_in_the_future_is_decided_again_once_the_clock_is_confirmed() {
    let machine = Machine::default();
    let clock = machine.clock();
    clock.compare(machine.truth().plus_secs(DAY));
    assert_eq!(clock.corrections(), 0, "who was wrong is not known");
    assert!(!clock.witness(machine.truth()));
    assert!(clock.is_confirmed());
    assert_eq!(clock.corrections(), 1);

    let clock = machine.clock();
    clock.compare(machine.truth().plus_secs(60));
    machine.pass(HOUR);
    assert!(clock.is_confirmed());
    assert_eq!(clock.corrections(), 0, "a minute is no wrong clock");
}

proptest! {
    /// Whatever the system's clock does for less than an hour at a time, as long as Stripe delivers or
    /// it is right in between, the time stays the right one.
    #[test]
    fn the_time_stays_right_under_short_errors(
        errors in prop::collection::vec((-400 * DAY..400 * DAY, 1..HOUR, any::<bool>()), 1..20),
    ) {
        let machine = Machine::default();
        let clock = machine.clock();
        for (error, secs, is_heard) in errors {
            let is_jump = error.abs() > HOUR;
            machine.err_by(if is_jump { error } else { 0 });
            prop_assert_eq!(clock.now(), machine.truth());
            machine.pass(secs);
            prop_assert_eq!(clock.now(), machine.truth());
            if is_heard {
                prop_assert!(!clock.witness(machine.truth()));
            } else {
                machine.err_by(0);
            }
            prop_assert_eq!(clock.now(), machine.truth());
        }
        prop_assert_eq!(clock.corrections(), 0);
    }
}
