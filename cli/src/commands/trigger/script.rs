//! What a run sends, and what exists afterwards. Pure: the seed, the time and the subscriptions that
//! exist are arguments.

use tierlift_core::subscription::Status;
use tierlift_testkit::{
    lifecycle::{self, Event, Step, Subscription},
    random::{self, Random},
    storm,
};

use super::{Action, Args};

/// The events of a run and what they leave behind.
pub(super) struct Script {
    /// What to deliver, in order.
    pub(super) deliveries: Vec<Event>,
    /// Subscriptions that are live afterwards.
    pub(super) live: Vec<Subscription>,
    /// Users whose role is expected to change.
    pub(super) users: Vec<String>,
}

impl Script {
    /// The events of an action. `existing` returns the live subscriptions of a user.
    pub(super) fn new(
        args: &Args,
        seed: u64,
        at_secs: i64,
        existing: impl Fn(&str) -> Vec<Subscription>,
    ) -> Self {
        let context = Context { args, stream: stream(seed, at_secs), at_secs };
        match args.action {
            Action::Storm => context.storm(existing),
            Action::Upgrade
            | Action::Downgrade
            | Action::PastDue
            | Action::Cancel
            | Action::CancelAtPeriodEnd
            | Action::Wait => context.single(existing(&args.user)),
        }
    }
}

/// The stream of ids and choices: the same command a second later generates other events, not
/// duplicates.
fn stream(seed: u64, at_secs: i64) -> u64 {
    seed.rotate_left(32) ^ at_secs.unsigned_abs()
}

struct Context<'a> {
    args: &'a Args,
    stream: u64,
    at_secs: i64,
}

impl Context<'_> {
    fn customer(&self) -> String {
        let derived = || random::customer_of("cus_", &self.args.user);
        self.args.customer.clone().unwrap_or_else(derived)
    }

    /// A storm, after the end of the subscriptions that its users have.
    fn storm(&self, existing: impl Fn(&str) -> Vec<Subscription>) -> Script {
        let storm = storm::Plan {
            user: self.args.user.clone(),
            customer: self.customer(),
            price: self.args.price.clone(),
            count: usize::try_from(self.args.count).unwrap_or(1),
            duplicates: usize::try_from(self.args.duplicates).unwrap_or(0),
            shuffle: self.args.shuffle,
            seed: self.stream,
            at_secs: self.at_secs,
        }
        .storm();
        let users: Vec<String> = storm.users.iter().map(|sub| sub.user.clone()).collect();
        let mut random = Random::named(self.stream, "former");
        // The same storm again consists of duplicates: the subscriptions it leaves must not end first.
        let is_former = |sub: &Subscription| storm.users.iter().all(|left| left.id != sub.id);
        let former = users.iter().flat_map(|user| existing(user)).filter(is_former);
        let mut deliveries: Vec<Event> =
            former.map(|mut sub| sub.end(&mut random, self.at_secs)).collect();
        deliveries.extend(storm.deliveries);
        Script { deliveries, live: storm.users, users }
    }

    /// One action on the user's live subscriptions.
    fn single(&self, mut live: Vec<Subscription>) -> Script {
        let mut random = Random::named(self.stream, &self.args.user);
        let mut deliveries = Vec::new();
        if let Some(customer) = &self.args.customer {
            live.retain(|sub| sub.customer == *customer);
        }
        for sub in &mut live {
            deliveries.extend(self.pass_time(sub, &mut random));
        }
        let is_over = live.iter().any(|sub| !sub.is_live());
        live.retain(Subscription::is_live);
        let mut former = Vec::new();
        if self.args.action == Action::Upgrade {
            former = std::mem::take(&mut live);
        }
        // What has just ended by the time that passed is not bought again.
        if live.is_empty() && !(is_over && self.args.action == Action::Wait) {
            let (user, price) = (&self.args.user, &self.args.price);
            let (sub, mut events) =
                lifecycle::purchase(&mut random, &self.customer(), user, price, self.at_secs);
            deliveries.append(&mut events);
            live.push(sub);
        }
        deliveries.extend(former.iter_mut().map(|sub| sub.end(&mut random, self.at_secs)));
        for sub in &mut live {
            deliveries.extend(self.apply(sub, &mut random));
        }
        live.retain(Subscription::is_live);
        Script { deliveries, live, users: vec![self.args.user.clone()] }
    }

    /// What happens to a subscription while time passes: each period that ends is paid, unless the
    /// subscription ends with it.
    fn pass_time(&self, sub: &mut Subscription, random: &mut Random) -> Vec<Event> {
        let mut events = Vec::new();
        while self.args.advance > 0 && sub.is_live() && sub.period_end_secs <= self.at_secs {
            let at_secs = sub.period_end_secs;
            let is_paid = matches!(sub.status, Status::Active | Status::Trialing);
            if sub.cancel_at_period_end {
                events.push(sub.end(random, at_secs));
            } else if is_paid {
                events.push(sub.step(random, Step::Renew, at_secs));
            } else {
                break;
            }
        }
        events
    }

    /// The event by which the action changes a live subscription.
    fn apply(&self, sub: &mut Subscription, random: &mut Random) -> Option<Event> {
        let status = match self.args.action {
            Action::Upgrade | Action::Storm | Action::Wait => return None,
            Action::CancelAtPeriodEnd => {
                return Some(sub.step(random, Step::CancelAtPeriodEnd(true), self.at_secs));
            }
            Action::Cancel => return Some(sub.end(random, self.at_secs)),
            Action::Downgrade => Status::Unpaid,
            Action::PastDue => Status::PastDue,
        };
        let is_there = sub.status == status;
        let step = if is_there { Step::Note(sub.note + 1) } else { Step::Status(status) };
        Some(sub.step(random, step, self.at_secs))
    }
}
