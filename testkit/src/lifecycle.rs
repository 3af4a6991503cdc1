//! A subscription's life as Stripe tells it: each step is an event, and each event an edge from the
//! state before it. Pure: ids come from a seed and time is an argument.
//!
//! ```text
//!   checkout ─▶ created (incomplete) ─▶ updated … ─▶ updated ─▶ deleted
//!                    │                     ▲  status, period, price count, flags, metadata
//!                    └─────────────────────┘
//! ```

use serde_json::Value;
use tierlift_core::{stripe::event::Type, subscription::Status};

pub use crate::subscription::{PERIOD_SECS, Step, Subscription};
use crate::{object, random::Random};

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

impl Subscription {
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
