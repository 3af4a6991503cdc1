//! Events of a subscription, some of them lost or late, and answers of Stripe's API, some of them slow, in any
//! interleaving. The record is compared after each arrival with a rule that keeps everything it ever heard
//! and starts over each time, and at the end, after one quiet answer, with what is true.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::AddAssign,
    sync::Arc,
};

use tierlift_core::{
    fold::{Before, Edge, Observation, Record},
    limits::EVENTS_REMEMBERED_MAX,
    observation::{Window, over_at},
    subscription::{Item, Node, Status},
};

use crate::world::Rng;

/// The number of histories for each share of lost events. `TIERLIFT_HISTORIES` overrides it.
const HISTORIES: u64 = 2_000;
/// Milliseconds of a second: true times are in milliseconds, and Stripe tells seconds.
const SECOND: i64 = 1_000;

/// A state in short: an index into each of `STATUSES` and `PRICES`, and the end of the period. Both lists are
/// in the order of nodes.
type Short = (usize, usize, i64);

const STATUSES: [&str; 6] = ["active", "trialing", "past_due", "unpaid", "canceled", "paused"];
const TRIALING: usize = 1;
const CANCELED: usize = 4;
const LIVE: [usize; 5] = [0, 1, 2, 3, 5];
const PRICES: [&str; 2] = ["a", "b"];

fn node((status, price, ends): Short) -> Arc<Node> {
    let price = Some(PRICES[price].into());
    let item = Item { price, ends_at_secs: Some(ends), ..Item::default() };
    let status = Status::parse(STATUSES[status]);
    Arc::new(Node { status, items: vec![item], ..Node::default() })
}

/// One change, as its event tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    second: i64,
    number: usize,
    before: Option<Short>,
    after: Short,
}

impl Told {
    fn edge(self) -> Edge {
        let before = match self.before {
            Some(before) => Before::Node(node(before)),
            None if self.after.0 == CANCELED => Before::Unknown,
            None => Before::Created,
        };
        Edge { at_secs: self.second, before, to: node(self.after) }
    }
}

/// What an answer showed, and when. Ordered by which of two counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shown {
    is_over: bool,
    from: i64,
    to: i64,
    state: Short,
}

impl Shown {
    fn observation(self) -> Observation {
        let window = Window { from_secs: self.from, to_secs: self.to };
        Observation { window, since_secs: self.from, node: node(self.state) }
    }
}

/// The rule in its plainest form, over everything that was heard.
#[derive(Default)]
struct Heard {
    told: BTreeSet<Told>,
    shown: BTreeSet<Shown>,
}

impl Heard {
    /// The state, whether it is certain, and the answer that counts.
    fn state(&self) -> (Option<Short>, bool, Option<Shown>) {
        let told: Vec<Told> = self.told.iter().copied().collect();
        if let Some(end) = told.iter().rev().find(|told| told.after.0 == CANCELED) {
            return (Some(end.after), true, None);
        }
        let Some(shown) = self.shown.last().copied() else {
            return (walk(None, &told), true, None);
        };
        if shown.is_over {
            return (Some(shown.state), true, Some(shown));
        }
        let part = |is_in: &dyn Fn(i64) -> bool| {
            told.iter().copied().filter(|told| is_in(told.second)).collect::<Vec<_>>()
        };
        let older = part(&|second| second < shown.from);
        let within = part(&|second| (shown.from..=shown.to).contains(&second));
        let newer = part(&|second| second > shown.to);
        let before = walk(None, &older);
        let end = walk(before, &within);
        let agrees = end == Some(shown.state);
        let certain = within.is_empty() || agrees;
        let passed = before.into_iter().chain(within.iter().flat_map(|told| {
            told.before.filter(|before| *before != told.after).into_iter().chain([told.after])
        }));
        let start = if !certain && passed.into_iter().any(|state| state == shown.state) {
            end
        } else {
            Some(shown.state)
        };
        (walk(start, &newer), certain, Some(shown))
    }
}

/// The state after some changes: second by second, and within one the state that is entered once more than
/// it is left.
fn walk(mut state: Option<Short>, told: &[Told]) -> Option<Short> {
    let seconds: BTreeSet<i64> = told.iter().map(|told| told.second).collect();
    for second in seconds {
        let told: Vec<&Told> = told.iter().filter(|told| told.second == second).collect();
        let mut balance: BTreeMap<Short, i32> = BTreeMap::new();
        for told in told.iter().filter(|told| told.before != Some(told.after)) {
            balance.entry(told.after).or_default().add_assign(1);
            if let Some(before) = told.before {
                balance.entry(before).or_default().add_assign(-1);
            }
        }
        let ends: Vec<Short> =
            balance.into_iter().filter(|(_, sum)| *sum > 0).map(|(state, _)| state).collect();
        let greatest = ends.last().copied();
        let asserted: BTreeSet<Short> = told.iter().map(|told| told.after).collect();
        state = match (greatest, state) {
            (Some(greatest), _) => Some(greatest),
            (None, _) if asserted.len() == 1 => asserted.first().copied(),
            (None, Some(state)) => Some(state),
            (None, None) => asserted.first().copied(),
        };
    }
    state
}

/// What happened: when, in milliseconds, what it was then, and what the event told.
fn history(rng: &mut Rng, steps_max: usize) -> Vec<(i64, Told)> {
    let mut at = 100 * SECOND + rng.between(0, SECOND - 1);
    let mut state: Short = (rng.below(TRIALING + 1), rng.below(2), rng.between(1, 3));
    let tell =
        |at: i64, number, before, after| (at, Told { second: at / SECOND, number, before, after });
    let mut history = vec![tell(at, 0, None, state)];
    for _ in 0..rng.below(steps_max) {
        at += rng.pick_or(&[50, 200, 400, 1_300, 5_000, 50_000], SECOND);
        let mut next = state;
        match rng.below(3) {
            0 => next.0 = rng.pick_or(&LIVE, 0),
            1 => next.1 = rng.below(2),
            _ => next.2 = rng.between(1, 3),
        }
        if next != state {
            history.push(tell(at, history.len(), Some(state), next));
            state = next;
        }
    }
    if rng.chance(20) {
        at += 300;
        history.push(tell(at, history.len(), None, (CANCELED, state.1, state.2)));
    }
    history
}

enum Arrival {
    Event(Told),
    /// An answer, and the place in the history of the state that it shows.
    Answer(Shown, usize),
}

#[derive(Debug, Default)]
struct Tally {
    histories: u64,
    wrong_ends: u64,
    steps_back: u64,
    asked_again: u64,
}

struct Run {
    rng: Rng,
    history: Vec<(i64, Told)>,
    arrivals: Vec<(i64, Arrival)>,
    record: Record,
    heard: Heard,
}

impl Run {
    fn new(seed: u64, lost_percent: usize, steps_max: usize) -> Self {
        let mut rng = Rng::new(seed);
        let history = history(&mut rng, steps_max);
        let mut run = Self {
            rng,
            history,
            arrivals: Vec::new(),
            record: Record::default(),
            heard: Heard::default(),
        };
        for (at, told) in run.history.clone() {
            if run.rng.chance(lost_percent) {
                continue;
            }
            let copies = 1 + usize::from(run.rng.chance(25));
            for _ in 0..copies {
                let late = run.rng.pick_or(&[100, 300, 2_000, 20_000, 200_000], SECOND);
                let arrives = at + run.rng.between(0, late);
                run.arrivals.push((arrives, Arrival::Event(told)));
            }
        }
        run
    }

    fn last_ms(&self) -> i64 {
        self.history.last().map_or(0, |(at, _)| *at)
    }

    /// Asks Stripe at a time. The answer is made at some moment of the request, and stamped at another one.
    fn ask(&mut self, at: i64) {
        let took = self.rng.pick_or(&[100, 300, 1_500, 8_000], SECOND);
        let took = self.rng.between(took / 2, took * 3 / 2);
        let true_at = at + self.rng.between(0, took);
        let stamped = true_at + self.rng.between(0, (at + took - true_at) / 2);
        let place = self.history.iter().rposition(|(happened, _)| *happened <= true_at);
        let Some(place) = place else { return };
        let (to, state) = (stamped / SECOND, self.history[place].1.after);
        let from = (to * SECOND - took).div_euclid(SECOND);
        let shown = Shown { is_over: state.0 == CANCELED, from, to, state };
        self.arrivals.push((at + took, Arrival::Answer(shown, place)));
    }

    /// Takes everything that arrives, in the order of arrival, and asks again where something is unclear.
    fn play(&mut self, tally: &mut Tally, asks_again: bool) {
        let (mut asked, mut proven, mut known_at) = (BTreeSet::new(), 0, BTreeMap::new());
        while !self.arrivals.is_empty() {
            self.arrivals.sort_by_key(|(at, _)| *at);
            let (at, arrival) = self.arrivals.remove(0);
            match arrival {
                Arrival::Event(told) => {
                    // The ledger has the others.
                    if self.heard.told.insert(told) {
                        self.record.insert(told.edge());
                    }
                }
                Arrival::Answer(shown, place) => {
                    known_at.insert(shown, place);
                    self.heard.shown.insert(shown);
                    self.record.observe(shown.observation());
                }
            }
            let (state, is_certain, shown) = self.heard.state();
            let got = self.record.state();
            assert_eq!(got.as_ref().map(|got| got.node), state.map(node).as_deref());
            if let (true, Some(shown)) = (is_certain, shown) {
                proven = proven.max(known_at[&shown]);
                let since = self.history[proven..].iter().map(|(_, told)| told.after);
                tally.steps_back += u64::from(!since.into_iter().any(|it| Some(it) == state));
            }
            let latest = self.record.latest_secs();
            let is_unclear = got.is_some_and(|got| got.unclear);
            if asks_again && is_unclear && asked.len() < 20 && asked.insert(latest) {
                tally.asked_again += 1;
                // Our clock may be wrong by seconds.
                let due = over_at(latest.unwrap()).as_millis() + self.rng.between(-3, 3) * SECOND;
                self.ask(due.max(at));
            }
        }
    }

    /// One answer long after everything has happened.
    fn end(&mut self, tally: &mut Tally) {
        self.ask(self.last_ms() + 300 * SECOND);
        self.play(tally, false);
        let truth = node(self.history.last().unwrap().1.after);
        tally.histories += 1;
        tally.wrong_ends += u64::from(*self.record.state().unwrap().node != *truth);
    }
}

fn histories() -> u64 {
    std::env::var("TIERLIFT_HISTORIES").map_or(HISTORIES, |text| text.parse().unwrap())
}

#[test]
fn a_quiet_answer_ends_in_the_truth_whatever_was_lost_or_late_before() {
    for lost_percent in [0, 30, 90] {
        let mut tally = Tally::default();
        for seed in 0..histories() {
            let mut run = Run::new(seed, lost_percent, 10);
            for _ in 0..=run.rng.below(4) {
                let at = run.rng.between(100 * SECOND, run.last_ms() + 2 * SECOND);
                run.ask(at);
            }
            run.play(&mut tally, true);
            run.end(&mut tally);
        }
        println!("{lost_percent} % lost: {tally:?}");
        assert_eq!(tally.wrong_ends, 0, "{lost_percent} % lost");
        // A step back needs an answer and two changes within one second, one of them lost.
        let allowed = 2 + tally.histories / 5_000;
        assert!(tally.steps_back <= allowed, "{lost_percent} % lost: {tally:?}");
    }
}

#[test]
fn the_same_events_and_answers_give_the_same_bytes_in_any_order() {
    for seed in 0..histories() {
        let mut run = Run::new(seed, 20, 10);
        for _ in 0..=run.rng.below(4) {
            let at = run.rng.between(100 * SECOND, run.last_ms() + 2 * SECOND);
            run.ask(at);
        }
        run.play(&mut Tally::default(), true);
        let expected = serde_json::to_string(&run.record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&expected).unwrap(), run.record);
        for _ in 0..3 {
            let told = run.heard.told.iter().map(|told| Arrival::Event(*told));
            let shown = run.heard.shown.iter().map(|shown| Arrival::Answer(*shown, 0));
            let mut arrivals: Vec<Arrival> = told.chain(shown).collect();
            run.rng.shuffle(&mut arrivals);
            let mut record = Record::default();
            for arrival in arrivals {
                match arrival {
                    Arrival::Event(told) => drop(record.insert(told.edge())),
                    Arrival::Answer(shown, _) => drop(record.observe(shown.observation())),
                }
            }
            assert_eq!(serde_json::to_string(&record).unwrap(), expected, "seed {seed}");
        }
    }
}

#[test]
fn a_long_life_of_which_much_is_settled_ends_in_the_truth_too() {
    let mut tally = Tally::default();
    for seed in 0..histories() / 4 {
        let mut run = Run::new(seed, 30, 60);
        let mut arrivals = std::mem::take(&mut run.arrivals);
        for _ in 0..8 {
            let at = run.rng.between(100 * SECOND, run.last_ms());
            run.ask(at);
        }
        arrivals.append(&mut run.arrivals);
        arrivals.sort_by_key(|(at, _)| *at);
        for (_, arrival) in arrivals {
            match arrival {
                Arrival::Event(told) if run.heard.told.insert(told) => {
                    run.record.insert(told.edge());
                }
                Arrival::Event(_) => {}
                Arrival::Answer(shown, _) => drop(run.record.observe(shown.observation())),
            }
            let text = serde_json::to_string(&run.record).unwrap();
            assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), run.record);
            let edges = &serde_json::from_str::<serde_json::Value>(&text).unwrap()["edges"];
            let count = edges.as_array().map_or(0, Vec::len);
            // Seconds of one window are settled together.
            assert!(count <= 4 * EVENTS_REMEMBERED_MAX, "{count}");
        }
        run.ask(run.last_ms() + 300 * SECOND);
        let Some((_, Arrival::Answer(shown, _))) = run.arrivals.pop() else { panic!("no answer") };
        run.record.observe(shown.observation());
        let truth = node(run.history.last().unwrap().1.after);
        tally.histories += 1;
        tally.wrong_ends += u64::from(*run.record.state().unwrap().node != *truth);
    }
    assert_eq!(tally.wrong_ends, 0, "{tally:?}");
}
