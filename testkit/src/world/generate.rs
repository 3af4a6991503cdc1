//! Generates worlds from seeds.

use super::account::{Action, Options, World};
use super::action_kind::ActionKind;
use super::objects::Dated;
use super::oracle::Oracle;
use super::rng::Rng;
use super::rules::Rules;
use super::shape::ApiShape;

const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

impl World {
    /// Generates the world of a seed.
    pub fn generate(seed: u64) -> Self {
        Self::generate_with(seed, Options::default())
    }

    /// Generates the world of a seed, with options.
    pub fn generate_with(seed: u64, options: Options) -> Self {
        let mut rng = Rng::new(seed);
        let rules = options.rules.clone().unwrap_or_else(|| Rules::generate(&mut rng));
        let shape = rng.pick_or(&[ApiShape::Old, ApiShape::Basil], ApiShape::Basil);
        let start = 1_750_000_000 + rng.between(0, 365 * DAY);
        let mut world = Self::empty(rules, shape, start);
        world.seed = seed;
        let actions = 2 + rng.below(options.actions_max.saturating_sub(1));
        world.rng = rng;
        world.options = options;
        world.do_one(&[ActionKind::CreateCustomer]);
        for _ in 0..actions {
            world.tick();
            world.do_one(ActionKind::ALL);
        }
        world.reach_present();
        world
    }

    /// Advances the clock by a random time, often 0.
    pub(super) fn tick(&mut self) {
        let seconds = match self.rng.below(100) {
            0..=44 => 0,
            45..=59 => self.rng.between(1, 3),
            60..=74 => self.rng.between(4, HOUR),
            75..=91 => self.rng.between(HOUR, 3 * DAY),
            _ => self.rng.between(3 * DAY, 35 * DAY),
        };
        self.advance(seconds);
    }

    /// Does a random action of these kinds. Tries until one is possible, up to 40 times.
    fn do_one(&mut self, kinds: &[ActionKind]) {
        for _ in 0..40 {
            let Some(kind) = self.rng.pick(kinds) else {
                return;
            };
            let (at, events) = (self.now, self.events.len());
            if !self.rng.chance(kind.percent()) {
                continue;
            }
            if self.act(kind) {
                self.log.push(Dated { at, value: Action { kind, events } });
                return;
            }
        }
    }

    /// Ends the history at a second in which nothing happens or ends.
    fn reach_present(&mut self) {
        self.tick();
        self.advance(1);
        while self.is_boundary(self.now) {
            self.advance(1);
        }
    }

    /// Whether anything ends, with or without grace, in exactly this second.
    pub fn is_boundary(&self, second: i64) -> bool {
        let grace = i64::from(self.rules.grace_days) * DAY;
        let states = self.subscriptions.values().flat_map(|it| &it.history);
        let mut ends = states.flat_map(|state| {
            let items = state.value.items.iter().map(|item| item.end);
            items.chain(state.value.cancel_at).chain([state.at]).collect::<Vec<_>>()
        });
        ends.any(|end| end == second || end + grace == second)
            || Oracle::new(self).purchase_ends().contains(&second)
    }

    /// The actions and their events as text, for the message of a failed test.
    pub fn story(&self) -> String {
        let lines = self.log.iter().map(|action| {
            let after = self.log.iter().find(|next| next.value.events > action.value.events);
            let end = after.map_or(self.events.len(), |next| next.value.events);
            let events = self.events.get(action.value.events..end).unwrap_or_default();
            let events = events.iter().map(|event| {
                format!("  @{} {} {} {:?}", event.created, event.kind, event.id, event.subject)
            });
            format!("{:?}\n{}", action.value.kind, events.collect::<Vec<_>>().join("\n"))
        });
        let lines = lines.collect::<Vec<_>>().join("\n");
        format!("seed {} {:?} now @{}\n{lines}", self.seed, self.shape, self.now)
    }
}
