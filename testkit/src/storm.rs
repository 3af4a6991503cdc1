//! A storm: many events of many subscriptions, many of one second, in any order and with repeats,
//! that must end in a state known beforehand. Pure, and the same for the same plan.
//!
//! What makes the end certain under every order: a subscription remembers 16 events, so none here
//! has more than [`EVENTS_PER_SUBSCRIPTION_MAX`]; all but a user's last subscription end, and that
//! one ends active. A user and a customer are kept below the limits of what one may hold, so a large
//! storm goes over several users.

use tierlift_core::subscription::Status;

use crate::{
    lifecycle::{Event, Step, Subscription},
    random::Random,
};

/// Events of one subscription, its checkout included.
pub const EVENTS_PER_SUBSCRIPTION_MAX: usize = 12;
/// Events of one user; more go to the next user.
pub const EVENTS_PER_USER_MAX: usize = 300;
/// Events of one customer before the user's next customer begins.
const EVENTS_PER_CUSTOMER: usize = 60;
/// Events of a subscription that begins and ends.
const EVENTS_PER_SUBSCRIPTION_MIN: usize = 4;
/// Seconds over which a storm is spread, before its time.
const SPAN_SECS: usize = 60;

/// What a storm is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The first user; further ones are `U-2`, `U-3`, ….
    pub user: String,
    /// The first customer; further ones are `C_2`, `C_3`, ….
    pub customer: String,
    /// What is sold.
    pub price: String,
    /// Different events.
    pub count: usize,
    /// Deliveries of an event that was delivered already.
    pub duplicates: usize,
    /// In any order, or in the order in which things happened.
    pub shuffle: bool,
    /// Says everything else.
    pub seed: u64,
    /// When the storm is over.
    pub at_secs: i64,
}

/// A storm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storm {
    /// What to deliver, repeats included, in order.
    pub deliveries: Vec<Event>,
    /// The users, and with each the subscription that gives them their role in the end.
    pub users: Vec<Subscription>,
}

impl Plan {
    /// Makes the storm.
    #[must_use]
    pub fn storm(&self) -> Storm {
        let mut random = Random::named(self.seed, &self.user);
        let (mut events, mut users) = (Vec::with_capacity(self.count), Vec::new());
        let mut customers = 0;
        let users_count = self.count.div_ceil(EVENTS_PER_USER_MAX);
        for place in 0..users_count {
            // Spread evenly: the first users get what does not divide.
            let share = self.count / users_count + usize::from(place < self.count % users_count);
            let user = numbered(&self.user, '-', place);
            let (mut told, last) = self.life(&mut random, &user, &mut customers, share);
            events.append(&mut told);
            users.push(last);
        }
        // Stable: what happened to one subscription in one second stays in its order.
        events.sort_by_key(|event| event.created_secs);
        Storm { deliveries: self.deliver(&mut random, events), users }
    }

    /// One user's events: subscriptions that begin and end, and a last one that stays.
    fn life(
        &self,
        random: &mut Random,
        user: &str,
        customers: &mut usize,
        count: usize,
    ) -> (Vec<Event>, Subscription) {
        let mut events: Vec<Event> = Vec::with_capacity(count);
        let mut in_customer = EVENTS_PER_CUSTOMER;
        let mut customer = String::new();
        loop {
            let left = count - events.len();
            if in_customer >= EVENTS_PER_CUSTOMER {
                customer = numbered(&self.customer, '_', *customers);
                (*customers, in_customer) = (*customers + 1, 0);
            }
            let begins_secs = self.second(random);
            let mut sub = Subscription::begin(random, &customer, user, &self.price, begins_secs);
            let is_last = left <= EVENTS_PER_SUBSCRIPTION_MAX;
            let length = if is_last { left } else { length(random) };
            events.extend(self.subscription(random, &mut sub, length, is_last));
            in_customer += length;
            if is_last {
                return (events, sub);
            }
        }
    }

    /// A subscription's events, as many as said, until its end or until it stays active.
    fn subscription(
        &self,
        random: &mut Random,
        sub: &mut Subscription,
        length: usize,
        stays: bool,
    ) -> Vec<Event> {
        if length == 1 {
            sub.status = Status::Active;
            return vec![sub.created(random)];
        }
        let mut events = vec![sub.created(random)];
        let last = length - 1;
        if length > EVENTS_PER_SUBSCRIPTION_MIN {
            let slow = length > EVENTS_PER_SUBSCRIPTION_MIN + 1 && random.below(2) == 0;
            events.push(sub.checkout(random, !slow));
            if slow {
                events.push(sub.checkout_paid(random));
            }
        }
        while events.len() < last {
            let at_secs = self.next_second(random, sub);
            let next = step(random, sub);
            events.push(sub.step(random, next, at_secs));
        }
        let at_secs = self.next_second(random, sub);
        events.push(if !stays {
            sub.end(random, at_secs)
        } else if sub.status == Status::Active {
            sub.step(random, Step::Renew, at_secs)
        } else {
            sub.step(random, Step::Status(Status::Active), at_secs)
        });
        events
    }

    fn deliver(&self, random: &mut Random, events: Vec<Event>) -> Vec<Event> {
        let count = events.len();
        // Each delivery with its place; a repeat comes after its first delivery, as a retry does.
        let repeats: Vec<(usize, Event)> = (0..self.duplicates)
            .filter_map(|_| {
                let first = random.below(count);
                let place = first + random.below(count - first);
                Some((place, events.get(first)?.clone()))
            })
            .collect();
        let mut placed: Vec<(usize, Event)> = events.into_iter().enumerate().collect();
        placed.extend(repeats);
        placed.sort_by_key(|(place, _)| *place);
        let mut deliveries: Vec<Event> = placed.into_iter().map(|(_, event)| event).collect();
        if self.shuffle {
            random.shuffle(&mut deliveries);
        }
        deliveries
    }

    fn second(&self, random: &mut Random) -> i64 {
        let before = random.below(SPAN_SECS);
        self.at_secs - i64::try_from(before).unwrap_or(0)
    }

    /// Mostly the same second again, and never after the storm.
    fn next_second(&self, random: &mut Random, sub: &Subscription) -> i64 {
        let later = random.pick(&[0, 0, 0, 0, 1, 1, 2]).copied().unwrap_or(0);
        (sub.changed_secs + later).min(self.at_secs)
    }
}

/// How many events a subscription gets that begins and ends.
fn length(random: &mut Random) -> usize {
    let more = EVENTS_PER_SUBSCRIPTION_MAX - EVENTS_PER_SUBSCRIPTION_MIN;
    EVENTS_PER_SUBSCRIPTION_MIN + random.below(more + 1)
}

fn numbered(first: &str, separator: char, place: usize) -> String {
    if place == 0 { first.to_owned() } else { format!("{first}{separator}{}", place + 1) }
}

/// What may happen next to a subscription, as often as it does.
fn step(random: &mut Random, sub: &Subscription) -> Step {
    let statuses = match sub.status {
        Status::Incomplete => [Status::Active, Status::Active, Status::Trialing],
        Status::Trialing => [Status::Active, Status::Active, Status::Paused],
        Status::Active => [Status::PastDue, Status::PastDue, Status::Unpaid],
        Status::PastDue => [Status::Active, Status::Active, Status::Unpaid],
        Status::Unpaid
        | Status::Paused
        | Status::Canceled
        | Status::IncompleteExpired
        | Status::Other(_) => [Status::Active, Status::Active, Status::Active],
    };
    match random.below(10) {
        0 => Step::Renew,
        1 => Step::CancelAtPeriodEnd(!sub.cancel_at_period_end),
        2 => Step::PauseCollection(!sub.collection_paused),
        3 => Step::Quantity(sub.quantity + 1),
        4 => Step::Note(sub.note + 1),
        _ => Step::Status(random.pick(&statuses).cloned().unwrap_or(Status::Active)),
    }
}

#[cfg(test)]
#[path = "storm_tests.rs"]
mod tests;
