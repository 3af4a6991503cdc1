//! Small facts that tests are made of: ids, messages, events, a policy.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "ids that tests write themselves"
)]

use tierlift_core::{
    fold::{Before, Edge},
    id::{CustomerId, EventId, SubscriptionId, UserId},
    payment::{PaymentReport, PaymentState},
    policy::{PlanConfig, Policy, PolicyConfig},
    ports::{Group, LoadKeys, Message},
    stripe::event::{Event, Fact, Type},
    subscription::{Item, Node, Status},
    time::Timestamp,
};

/// The policy `free < paid`, `price_pro` earns `paid`.
#[must_use]
pub fn policy() -> Policy {
    Policy::new(PolicyConfig {
        roles: vec!["free".to_owned(), "paid".to_owned()],
        plans: vec![PlanConfig::new("price_pro", "paid")],
        ..PolicyConfig::default()
    })
    .unwrap()
}

/// An event's id.
#[must_use]
pub fn event_id(id: &str) -> EventId {
    EventId::new(id).unwrap()
}

/// A customer's id.
#[must_use]
pub fn customer_id(id: &str) -> CustomerId {
    CustomerId::new(id).unwrap()
}

/// A user's id.
#[must_use]
pub fn user_id(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

/// A message of a customer, with a body that names it.
#[must_use]
pub fn message(event: &str, customer: &str, received_at: Timestamp) -> Message {
    let event = event_id(event);
    Message {
        group: Group::new(&event, Some(&customer_id(customer))),
        body: format!("{{\"id\":\"{event}\"}}").into(),
        event,
        kind: Type::SubscriptionUpdated,
        received_at,
        trace: None,
    }
}

/// A subscription's event: it is `status` at `at`, and belongs to `user`.
#[must_use]
pub fn subscription(
    event: &str,
    customer: &str,
    user: Option<&str>,
    status: Status,
    at: Timestamp,
) -> Event {
    let ends_at_secs = Some(at.plus_days(30).as_secs());
    let item = Item { price: Some("price_pro".into()), ends_at_secs, ..Item::default() };
    let to = Node { status, items: vec![item], user: user.map(user_id), ..Node::default() };
    Event {
        id: event_id(event),
        kind: Type::SubscriptionUpdated,
        created: at,
        livemode: false,
        customer: Some(customer_id(customer)),
        fact: Fact::Subscription {
            id: subscription_of(customer),
            edge: Edge { at_secs: at.as_secs(), before: Before::Unknown, to: to.into() },
        },
    }
}

/// The id of a customer's subscription.
fn subscription_of(customer: &str) -> SubscriptionId {
    SubscriptionId::new(&format!("sub_of_{customer}")).unwrap()
}

/// The paid checkout that made a customer's subscription, for a user.
#[must_use]
pub fn checkout(event: &str, customer: &str, user: &str, at: Timestamp) -> Event {
    Event {
        id: event_id(event),
        kind: Type::CheckoutCompleted,
        created: at,
        livemode: false,
        customer: Some(customer_id(customer)),
        fact: Fact::Checkout {
            id: subscription_of(customer),
            user: Some(user_id(user)),
            report: PaymentReport { at_secs: at.as_secs(), state: PaymentState::Paid },
        },
    }
}

/// The keys to load for an event.
#[must_use]
pub fn keys(event: &Event) -> LoadKeys {
    LoadKeys::new(event)
}
