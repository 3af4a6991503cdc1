//! Orders in which events arrive.

use super::account::{Event, World};
use super::rng::Rng;

/// Puts the events of a world in an order.
#[derive(Clone, Copy, Debug)]
pub struct Delivery;

impl Delivery {
    /// Each event once, in the order in which they happened.
    pub fn in_order(world: &World) -> Vec<&Event> {
        world.events.iter().collect()
    }

    /// A random order, in which some events are repeated.
    pub fn shuffle(world: &World, seed: u64) -> Vec<&Event> {
        let mut rng = Rng::new(seed);
        let mut events = Self::in_order(world);
        for _ in 0..rng.below(events.len() / 2 + 2) {
            events.extend(rng.pick(&events));
        }
        rng.shuffle(&mut events);
        events
    }

    /// The order in which they happened, except that some are late by up to `late_max` places.
    pub fn nearly_in_order(world: &World, seed: u64, late_max: usize) -> Vec<&Event> {
        let mut rng = Rng::new(seed);
        let events = world.events.iter().enumerate();
        let mut placed = events.map(|(place, event)| {
            let late = if rng.chance(30) { rng.below(late_max + 1) } else { 0 };
            (place + late, event)
        });
        let mut placed = placed.by_ref().collect::<Vec<_>>();
        placed.sort_by_key(|(place, _)| *place);
        placed.into_iter().map(|(_, event)| event).collect()
    }
}
