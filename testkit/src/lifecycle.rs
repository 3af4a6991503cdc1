//! A subscription's life as Stripe tells it: each step is an event, and each event an edge from the
//! state before it. Pure: ids come from a seed and time is an argument.
//!
//! ```text
//!   checkout ─▶ created (incomplete) ─▶ updated … ─▶ updated ─▶ deleted
//!                    │                     ▲  status, period, price count, flags, metadata
//!                    └─────────────────────┘
//! ```

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tierlift_core::{stripe::event::Type, subscription::Status};

use crate::{object, random::Random};

/// A month, near enough: the length of every period.
pub const PERIOD_SECS: i64 = 30 * 86_400;

/// An event, ready to be signed and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its id, `evt_1…`.
    pub id: String,
    /// Its type.
    pub kind: Type,
    /// `created`.
    pub created_secs: i64,
    /// Its customer. Stripe tells one customer's events one after another.
    pub customer: String,
    /// The webhook's body.
    pub body: Vec<u8>,
}

/// A subscription where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// `sub_1…`
    pub id: String,
    /// `cus_…`
    pub customer: String,
    /// `metadata.user_id` and the checkout's `client_reference_id`.
    pub user: String,
    /// `price_…`
    pub price: String,
    /// Its status.
    pub status: Status,
    /// When it began.
    pub started_secs: i64,
    /// When it last changed; nothing happens to it before that.
    pub changed_secs: i64,
    /// When the current period ends.
    pub period_end_secs: i64,
    /// How many periods it has had.
    pub period: u32,
    /// It will not renew.
    pub cancel_at_period_end: bool,
    /// `pause_collection` is set.
    pub collection_paused: bool,
    /// How many are sold.
    pub quantity: u64,
    /// Metadata that nobody reads.
    pub note: u32,
}

/// What can happen to a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It gets this status.
    Status(Status),
    /// Its next period is paid.
    Renew,
    /// It will, or will not, end with its period.
    CancelAtPeriodEnd(bool),
    /// Its invoices are paused, or no longer.
    PauseCollection(bool),
    /// So many are sold.
    Quantity(u64),
    /// Somebody edits metadata that has nothing to do with access.
    Note(u32),
}

impl Subscription {
    /// A subscription that begins, not paid yet.
    pub fn begin(
        random: &mut Random,
        customer: &str,
        user: &str,
        price: &str,
        at_secs: i64,
    ) -> Self {
        Self {
            id: random.id("sub_1", 23),
            customer: customer.to_owned(),
            user: user.to_owned(),
            price: price.to_owned(),
            status: Status::Incomplete,
            started_secs: at_secs,
            changed_secs: at_secs,
            period_end_secs: at_secs + PERIOD_SECS,
            period: 0,
            cancel_at_period_end: false,
            collection_paused: false,
            quantity: 1,
            note: 0,
        }
    }

    /// Whether anything can still happen to it.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        !self.status.is_terminal()
    }

    /// `customer.subscription.created`, where it stands.
    #[must_use]
    pub fn created(&self, random: &mut Random) -> Event {
        let object = object::subscription(self);
        self.event(random, Type::SubscriptionCreated, &object, None)
    }

    /// `checkout.session.completed`: paid, or to be paid by a method that takes days.
    #[must_use]
    pub fn checkout(&self, random: &mut Random, paid: bool) -> Event {
        let object = object::checkout(self, if paid { "paid" } else { "unpaid" });
        self.event(random, Type::CheckoutCompleted, &object, None)
    }

    /// `checkout.session.async_payment_succeeded`: the slow method did pay.
    #[must_use]
    pub fn checkout_paid(&self, random: &mut Random) -> Event {
        let object = object::checkout(self, "paid");
        self.event(random, Type::CheckoutAsyncSucceeded, &object, None)
    }

    /// `customer.subscription.updated`: a step, and the edge that it is.
    pub fn step(&mut self, random: &mut Random, step: Step, at_secs: i64) -> Event {
        let before = object::subscription(self);
        self.apply(step, at_secs);
        let after = object::subscription(self);
        let previous = object::previous_attributes(&before, &after);
        self.event(random, Type::SubscriptionUpdated, &after, Some(&previous))
    }

    /// `customer.subscription.deleted`: it ends, and nothing revives it.
    pub fn end(&mut self, random: &mut Random, at_secs: i64) -> Event {
        self.apply(Step::Status(Status::Canceled), at_secs);
        let object = object::subscription(self);
        self.event(random, Type::SubscriptionDeleted, &object, None)
    }

    fn apply(&mut self, step: Step, at_secs: i64) {
        self.changed_secs = self.changed_secs.max(at_secs);
        match step {
            Step::Status(status) => self.status = status,
            Step::Renew => {
                self.period_end_secs += PERIOD_SECS;
                self.period += 1;
            }
            Step::CancelAtPeriodEnd(cancels) => self.cancel_at_period_end = cancels,
            Step::PauseCollection(paused) => self.collection_paused = paused,
            Step::Quantity(quantity) => self.quantity = quantity,
            Step::Note(note) => self.note = note,
        }
    }

    pub(crate) const fn period_start_secs(&self) -> i64 {
        self.period_end_secs - PERIOD_SECS
    }

    /// An id of something that belongs to it, the same each time.
    pub(crate) fn sibling(&self, prefix: &str, length: usize) -> String {
        Random::named(0, &format!("{prefix}{}", self.id)).id(prefix, length)
    }

    fn event(
        &self,
        random: &mut Random,
        kind: Type,
        object: &Value,
        previous: Option<&Value>,
    ) -> Event {
        let (id, created_secs) = (random.id("evt_1", 23), self.changed_secs);
        let event = object::event(&id, kind.as_str(), created_secs, object, previous);
        let body = event.to_string().into_bytes();
        Event { id, kind, created_secs, customer: self.customer.clone(), body }
    }
}

/// A customer's purchase: the checkout, the subscription that it begins, and its first payment, all
/// within one second as it is at Stripe.
pub fn purchase(
    random: &mut Random,
    customer: &str,
    user: &str,
    price: &str,
    at_secs: i64,
) -> (Subscription, Vec<Event>) {
    let mut sub = Subscription::begin(random, customer, user, price, at_secs);
    let created = sub.created(random);
    let paid = sub.step(random, Step::Status(Status::Active), at_secs);
    let checkout = sub.checkout(random, true);
    (sub, vec![created, paid, checkout])
}

#[cfg(test)]
#[path = "lifecycle_tests.rs"]
mod tests;
