//! An event: what Stripe sent, parsed once into a checked type.
//!
//! [`Head`] is what ingest needs to enqueue a webhook; [`Event`] is what the worker decides on. Both
//! borrow from the body while they parse it. What a fact changes is the business of `decide`.

use std::{borrow::Cow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    error::Error,
    json::{Expandable, ObjectIds, from_slice, object},
    object::{CheckoutData, CustomerData, SubscriptionData, user},
};
use crate::{
    fold::{Before, Edge},
    id::{CustomerId, EventId, SubscriptionId, UserId},
    payment::{Payment, PaymentState},
    subscription::Status,
    time::Timestamp,
};

macro_rules! event_types {
    ($($name:ident = $text:literal,)*) => {
        /// The event types that tierlift acts on. All others are acknowledged and ignored.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Type {
            $(#[doc = concat!("`", $text, "`")] #[serde(rename = $text)] $name,)*
        }

        impl Type {
            /// Every type, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The type of that name, if tierlift acts on it.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$name),)* _ => None }
            }

            /// Stripe's name of the type.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

event_types! {
    SubscriptionCreated = "customer.subscription.created",
    SubscriptionUpdated = "customer.subscription.updated",
    SubscriptionDeleted = "customer.subscription.deleted",
    SubscriptionPaused = "customer.subscription.paused",
    SubscriptionResumed = "customer.subscription.resumed",
    CheckoutCompleted = "checkout.session.completed",
    CheckoutAsyncSucceeded = "checkout.session.async_payment_succeeded",
    CheckoutAsyncFailed = "checkout.session.async_payment_failed",
    CustomerCreated = "customer.created",
    CustomerUpdated = "customer.updated",
    CustomerDeleted = "customer.deleted",
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What ingest reads of a webhook: only what the queue needs, so that a signed but malformed event is
/// accepted and later parked with its cause.
#[derive(Debug, PartialEq, Eq)]
pub enum Head {
    /// A type that tierlift acts on.
    Wanted {
        /// The event's id, which deduplicates it in the queue.
        id: EventId,
        /// The event's type.
        kind: Type,
        /// The event's customer, which orders it in the queue; `None` if the body names none readably.
        customer: Option<CustomerId>,
    },
    /// Another type, or a checkout without a customer: it cannot concern a role.
    Ignored,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "object")]
    data: EnvelopeData<'a>,
}

#[derive(Default, Deserialize)]
struct EnvelopeData<'a> {
    #[serde(borrow, default, deserialize_with = "object")]
    object: ObjectIds<'a>,
}

impl Head {
    /// Parses the head of a body. Fails if it is not a JSON object with an `id` and a `type`.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let envelope = match from_slice::<Envelope<'_>>(body) {
            Ok(envelope) => envelope,
            Err(error) => return Self::parse_without_data(body).ok_or_else(|| error.into()),
        };
        let object = envelope.data.object;
        Self::new(&envelope.id, &envelope.kind, &object)
    }

    /// Parses a body whose `data` has an unexpected shape: with an id and a type it is still an event.
    fn parse_without_data(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Bare<'a> {
            #[serde(borrow)]
            id: Cow<'a, str>,
            #[serde(borrow, rename = "type")]
            kind: Cow<'a, str>,
        }
        let bare: Bare<'_> = from_slice(body).ok()?;
        let ids = ObjectIds { id: Expandable::Unexpected, customer: Expandable::Unexpected };
        Self::new(&bare.id, &bare.kind, &ids).ok()
    }

    fn new(id: &str, kind: &str, object: &ObjectIds<'_>) -> Result<Self, Error> {
        let id = EventId::new(id).map_err(|error| Error::Malformed(format!("id: {error}")))?;
        let Some(kind) = Type::parse(kind) else { return Ok(Self::Ignored) };
        let customer = match kind {
            Type::CustomerCreated | Type::CustomerUpdated | Type::CustomerDeleted => &object.id,
            Type::CheckoutCompleted | Type::CheckoutAsyncSucceeded | Type::CheckoutAsyncFailed => {
                if object.customer == Expandable::Null {
                    return Ok(Self::Ignored);
                }
                &object.customer
            }
            Type::SubscriptionCreated
            | Type::SubscriptionUpdated
            | Type::SubscriptionDeleted
            | Type::SubscriptionPaused
            | Type::SubscriptionResumed => &object.customer,
        };
        let customer = customer.id().and_then(|id| CustomerId::new(id).ok());
        Ok(Self::Wanted { id, kind, customer })
    }
}

/// An event, as far as tierlift uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Stripe's id.
    pub id: EventId,
    /// Its type.
    pub kind: Type,
    /// Time at which it happened, in whole seconds; within a second it is not an order.
    pub created: Timestamp,
    /// Whether it is from live mode, not from test mode.
    pub livemode: bool,
    /// The customer that it concerns.
    pub customer: CustomerId,
    /// What it reports.
    pub fact: Fact,
}

/// What an event reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A subscription changed.
    Subscription {
        /// The subscription.
        id: SubscriptionId,
        /// The node before and the node after.
        edge: Edge,
    },
    /// A checkout completed, or its payment succeeded or failed later.
    Checkout {
        /// `client_reference_id`: the user whom the host sent to the checkout.
        user: Option<UserId>,
        /// The subscription that it is for, and the state of the payment.
        payment: Option<(SubscriptionId, Payment)>,
    },
    /// A customer was created or changed.
    Customer {
        /// `metadata.user_id`, which may be absent.
        user: Option<UserId>,
    },
    /// The customer was deleted. It earns nothing any more.
    CustomerDeleted,
}

impl Fact {
    /// The user that the event itself names: a hint about which account to load.
    #[must_use]
    pub fn user(&self) -> Option<&UserId> {
        match self {
            Self::Subscription { edge, .. } => edge.to.user.as_ref(),
            Self::Checkout { user, .. } | Self::Customer { user } => user.as_ref(),
            Self::CustomerDeleted => None,
        }
    }
}

/// The whole event, with `data` as its type needs it.
#[derive(Deserialize)]
#[serde(bound = "D: Deserialize<'de>")]
struct Full<D> {
    created: i64,
    #[serde(default)]
    livemode: bool,
    #[serde(deserialize_with = "object")]
    data: D,
}

impl Event {
    /// Parses the body of a queued message.
    pub fn parse(id: EventId, kind: Type, body: &[u8]) -> Result<Self, Error> {
        match kind {
            Type::SubscriptionCreated
            | Type::SubscriptionUpdated
            | Type::SubscriptionDeleted
            | Type::SubscriptionPaused
            | Type::SubscriptionResumed => Self::subscription(id, kind, body),
            Type::CheckoutCompleted | Type::CheckoutAsyncSucceeded | Type::CheckoutAsyncFailed => {
                Self::checkout(id, kind, body)
            }
            Type::CustomerCreated | Type::CustomerUpdated | Type::CustomerDeleted => {
                Self::customer(id, kind, body)
            }
        }
    }

    fn subscription(id: EventId, kind: Type, body: &[u8]) -> Result<Self, Error> {
        let full: Full<SubscriptionData<'_>> = from_slice(body)?;
        let SubscriptionData { object, previous_attributes } = full.data;
        let mut to = object.node()?;
        // `deleted` ends a subscription, whatever status its object still has.
        if kind == Type::SubscriptionDeleted && !to.status.is_terminal() {
            to.status = Status::Canceled;
        }
        let before = match (kind, &previous_attributes) {
            (Type::SubscriptionCreated, _) => Before::Created,
            // An event that corrects an unreadable field must not be refused for its old value.
            (_, Some(previous)) => object
                .node_before(previous)
                .map_or(Before::Unknown, |before| Before::Node(Arc::new(before))),
            (_, None) => Before::Unknown,
        };
        let edge = Edge { at_secs: full.created, before, to: Arc::new(to) };
        Ok(Self {
            id,
            kind,
            created: Timestamp::from_secs(full.created),
            livemode: full.livemode,
            customer: customer_id(&object.customer)?,
            fact: Fact::Subscription { id: subscription_id(&object.id)?, edge },
        })
    }

    fn checkout(id: EventId, kind: Type, body: &[u8]) -> Result<Self, Error> {
        let full: Full<CheckoutData<'_>> = from_slice(body)?;
        let object = full.data.object;
        let state = match (kind, object.payment_status.as_deref()) {
            (Type::CheckoutAsyncFailed, _) => PaymentState::Failed,
            (Type::CheckoutCompleted, Some("unpaid")) => PaymentState::Pending,
            _ => PaymentState::Paid,
        };
        let payment = Payment { at_secs: full.created, state };
        let payment = match object.subscription.id() {
            Some(subscription) => Some((subscription_id(subscription)?, payment)),
            None => None,
        };
        Ok(Self {
            id,
            kind,
            created: Timestamp::from_secs(full.created),
            livemode: full.livemode,
            customer: customer_id(&object.customer)?,
            fact: Fact::Checkout { user: user(object.client_reference_id.as_deref())?, payment },
        })
    }

    fn customer(id: EventId, kind: Type, body: &[u8]) -> Result<Self, Error> {
        let full: Full<CustomerData<'_>> = from_slice(body)?;
        let object = full.data.object;
        let customer = CustomerId::new(&object.id)
            .map_err(|error| Error::Malformed(format!("data.object.id: {error}")))?;
        let fact = if kind == Type::CustomerDeleted {
            Fact::CustomerDeleted
        } else {
            Fact::Customer { user: user(object.metadata.and_then(|m| m.user_id).as_deref())? }
        };
        let created = Timestamp::from_secs(full.created);
        Ok(Self { id, kind, created, livemode: full.livemode, customer, fact })
    }
}

fn customer_id(field: &Expandable<'_>) -> Result<CustomerId, Error> {
    let id =
        field.id().ok_or_else(|| Error::Malformed("data.object.customer: no id".to_owned()))?;
    CustomerId::new(id).map_err(|error| Error::Malformed(format!("data.object.customer: {error}")))
}

fn subscription_id(id: &str) -> Result<SubscriptionId, Error> {
    SubscriptionId::new(id)
        .map_err(|error| Error::Malformed(format!("the subscription's id: {error}")))
}

#[cfg(test)]
#[path = "event_tests/mod.rs"]
mod tests;
