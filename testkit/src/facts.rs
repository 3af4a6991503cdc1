//! Small facts that tests are made of: ids, messages, events, a policy.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "ids that tests write themselves"
)]

use tierlift_core::{
    fold::{self, Before, Edge},
    id::{CustomerId, EventId, InvoiceId, PaymentId, SubscriptionId, UserId},
    observation::{Because, Observed, Window},
    payment::{PaymentReport, PaymentState},
    policy::{PlanConfig, Policy, PolicyConfig},
    ports::{Group, LoadKeys, Message},
    reversal::{DisputeStatus, Report},
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
        observed: None,
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
        observed: None,
    }
}

/// The subscription of a customer as Stripe's API shows it within a second: it is `status`, and belongs to
/// `user`.
#[must_use]
pub fn observation(
    event: &str,
    customer: &str,
    user: Option<&str>,
    status: Status,
    at: Timestamp,
) -> Event {
    let known = subscription(event, customer, user, status, at);
    let window = Window { from_secs: at.as_secs(), to_secs: at.as_secs() };
    let Fact::Subscription { id, edge } = known.fact else { return known };
    let observation = fold::Observation { window, since_secs: at.as_secs(), node: edge.to };
    Event {
        kind: Type::Observation,
        fact: Fact::SubscriptionObserved { id, observation },
        observed: Some(Observed { window, because: Because::Fetch }),
        ..known
    }
}

/// A payment on an invoice, of API versions since Basil.
#[must_use]
pub fn invoice_payment(event: &str, invoice: &str, payment: &str, at: Timestamp) -> Event {
    let (invoice, payment) = (InvoiceId::new(invoice).unwrap(), PaymentId::new(payment).unwrap());
    of_payment(event, Type::InvoicePaymentPaid, at, Fact::InvoicePayment { invoice, payment })
}

/// A full refund of a payment.
#[must_use]
pub fn refund(event: &str, payment: &str, at: Timestamp) -> Event {
    let report = Report::Refunded { at_secs: at.as_secs(), full: true };
    let payment = PaymentId::new(payment).unwrap();
    let fact = Fact::Reversal { payment, invoice: None, report };
    of_payment(event, Type::ChargeRefunded, at, fact)
}

/// A dispute of a payment that is lost.
#[must_use]
pub fn lost_dispute(event: &str, payment: &str, at: Timestamp) -> Event {
    let (at_secs, status) = (at.as_secs(), DisputeStatus::Lost);
    let report = Report::Disputed { dispute: "du_1".into(), at_secs, status };
    let payment = PaymentId::new(payment).unwrap();
    let fact = Fact::Reversal { payment, invoice: None, report };
    of_payment(event, Type::DisputeClosed, at, fact)
}

fn of_payment(event: &str, kind: Type, at: Timestamp, fact: Fact) -> Event {
    let (id, customer, observed) = (event_id(event), None, None);
    Event { id, kind, created: at, livemode: false, customer, fact, observed }
}

/// The keys to load for an event.
#[must_use]
pub fn keys(event: &Event) -> LoadKeys {
    LoadKeys::new(event)
}
