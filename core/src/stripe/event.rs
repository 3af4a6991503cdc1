//! An event: what Stripe sent, parsed once into a checked type.
//!
//! [`Event`] is what the worker decides on; it borrows from the body while it is parsed. What a fact
//! changes is the business of `decide`.

use std::{borrow::Cow, sync::Arc};

use serde::Deserialize;

use super::{
    billing::{Charge, Data, Dispute, EntitlementSummary, Invoice, InvoicePayment, Refund},
    checkout::CheckoutData,
    error::Error,
    json::{Expandable, from_slice, object},
    metadata::Metadata,
    subscription::SubscriptionData,
};
use crate::{
    customer::FeatureList,
    fold::{Before, Edge},
    id::{CustomerId, EventId, InvoiceId, PaymentId, SubscriptionId, UserId},
    invoice::Paid,
    payment::PaymentReport,
    purchase::Order,
    reversal::Report,
    subscription::Status,
    time::Timestamp,
};

pub use super::{
    head::{CHECKOUT_MODE, CONNECTED_ACCOUNT, Head, UNKNOWN},
    kind::Type,
};

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
    /// The customer that it concerns; for a guest's purchase, its own id. `None` if the event only names
    /// a payment.
    pub customer: Option<CustomerId>,
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
    /// A checkout that makes a subscription completed, or its payment succeeded or failed later.
    Checkout {
        /// The subscription that it made.
        id: SubscriptionId,
        /// The user that a paid session names: `client_reference_id`, else its metadata.
        user: Option<UserId>,
        /// The state of the first payment.
        report: PaymentReport,
    },
    /// The same of a checkout that sells something once.
    Purchase(Box<Order>),
    /// A customer was created or changed.
    Customer {
        /// The user that its metadata names, if any.
        user: Option<UserId>,
    },
    /// The customer was deleted, and its subscriptions with it.
    CustomerDeleted,
    /// The features that a customer has by Stripe's entitlements.
    Features(FeatureList),
    /// An invoice of a subscription was paid.
    Invoice {
        /// The invoice.
        id: InvoiceId,
        /// What it paid for.
        paid: Paid,
        /// Its payment, in API versions in which an invoice names it.
        payment: Option<PaymentId>,
    },
    /// A payment was made on an invoice.
    InvoicePayment {
        /// The invoice.
        invoice: InvoiceId,
        /// The payment.
        payment: PaymentId,
    },
    /// A payment was refunded or disputed.
    Reversal {
        /// The payment.
        payment: PaymentId,
        /// The invoice that it paid, in API versions in which a charge names it.
        invoice: Option<InvoiceId>,
        /// What happened to it.
        report: Report,
    },
    /// An object of a relevant type that bears on no access: a partial refund, an invoice that has
    /// nothing to do with a subscription.
    Unrelated,
}

impl Fact {
    /// The user that the event itself names: a hint about which account to load.
    #[must_use]
    pub fn user(&self) -> Option<&UserId> {
        match self {
            Self::Subscription { edge, .. } => edge.to.user.as_ref(),
            Self::Checkout { user, .. } | Self::Customer { user } => user.as_ref(),
            Self::Purchase(order) => order.user.as_ref(),
            Self::CustomerDeleted
            | Self::Features(_)
            | Self::Invoice { .. }
            | Self::InvoicePayment { .. }
            | Self::Reversal { .. }
            | Self::Unrelated => None,
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

/// The customer that an event concerns, and what it reports.
type Parsed = (Option<CustomerId>, Fact);

impl Event {
    /// Parses the body of a queued message. `user_id_keys` are the metadata keys under which the host
    /// names its users, best first.
    pub fn parse(
        id: EventId,
        kind: Type,
        body: &[u8],
        user_id_keys: &[String],
    ) -> Result<Self, Error> {
        let parsed = Body { kind, bytes: body, user_id_keys };
        let (created, livemode, (customer, fact)) = parsed.parse()?;
        Ok(Self { id, kind, created: Timestamp::from_secs(created), livemode, customer, fact })
    }
}

/// A body with what is needed to read it.
#[derive(Clone, Copy)]
struct Body<'a> {
    kind: Type,
    bytes: &'a [u8],
    user_id_keys: &'a [String],
}

impl<'a> Body<'a> {
    fn parse(self) -> Result<(i64, bool, Parsed), Error> {
        let (kind, keys) = (self.kind, self.user_id_keys);
        match kind {
            Type::SubscriptionCreated
            | Type::SubscriptionUpdated
            | Type::SubscriptionDeleted
            | Type::SubscriptionPaused
            | Type::SubscriptionResumed => {
                self.read(|data: SubscriptionData<'_>, at| subscription(&data, kind, at, keys))
            }
            Type::CheckoutCompleted | Type::CheckoutAsyncSucceeded | Type::CheckoutAsyncFailed => {
                self.read(|data: CheckoutData<'_>, at| {
                    let (customer, fact) = data.object.fact(kind, at, keys)?;
                    Ok((Some(customer), fact))
                })
            }
            Type::CustomerCreated | Type::CustomerUpdated | Type::CustomerDeleted => {
                self.read(|data: Data<Customer<'_>>, _| data.object.parsed(kind, keys))
            }
            Type::InvoicePaid => self.read(|data: Data<Invoice<'_>>, at| {
                let invoice = data.object;
                let customer = customer_id(&invoice.customer, &invoice.customer_account)?;
                Ok((Some(customer), invoice.fact(at)?))
            }),
            Type::EntitlementsUpdated => self.read(|data: Data<EntitlementSummary<'_>>, _| {
                let summary = data.object;
                let customer = customer_id(&summary.customer, &summary.customer_account)?;
                Ok((Some(customer), summary.fact()?))
            }),
            Type::InvoicePaymentPaid => {
                self.read(|data: Data<InvoicePayment<'_>>, _| Ok((None, data.object.fact()?)))
            }
            Type::ChargeRefunded => {
                self.read(|data: Data<Charge<'_>>, at| Ok((None, data.object.fact(at)?)))
            }
            Type::RefundUpdated | Type::RefundFailed | Type::ChargeRefundUpdated => {
                self.read(|data: Data<Refund<'_>>, at| Ok((None, data.object.fact(at)?)))
            }
            Type::DisputeCreated
            | Type::DisputeUpdated
            | Type::DisputeFundsWithdrawn
            | Type::DisputeFundsReinstated
            | Type::DisputeClosed => {
                self.read(|data: Data<Dispute<'_>>, at| Ok((None, data.object.fact(at)?)))
            }
            Type::Thin => Err(Error::Thin),
        }
    }

    /// Reads the envelope, and hands `data` and the event's second to `parse`.
    fn read<D: Deserialize<'a>>(
        self,
        parse: impl FnOnce(D, i64) -> Result<Parsed, Error>,
    ) -> Result<(i64, bool, Parsed), Error> {
        let full: Full<D> = from_slice(self.bytes)?;
        Ok((full.created, full.livemode, parse(full.data, full.created)?))
    }
}

fn subscription(
    data: &SubscriptionData<'_>,
    kind: Type,
    at_secs: i64,
    user_id_keys: &[String],
) -> Result<Parsed, Error> {
    let SubscriptionData { object, previous_attributes } = data;
    let mut to = object.node(user_id_keys)?;
    // `deleted` ends a subscription, whatever status its object still has.
    if kind == Type::SubscriptionDeleted && !to.status.is_terminal() {
        to.status = Status::Canceled;
    }
    let before = match (kind, previous_attributes) {
        (Type::SubscriptionCreated, _) => Before::Created,
        // An event that corrects an unreadable field must not be refused for its old value.
        (_, Some(previous)) => object
            .node_before(previous, user_id_keys)
            .map_or(Before::Unknown, |before| Before::Node(Arc::new(before))),
        (_, None) => Before::Unknown,
    };
    let id = SubscriptionId::new(&object.id)
        .map_err(|error| Error::Malformed(format!("data.object.id: {error}")))?;
    let customer = customer_id(&object.customer, &object.customer_account)?;
    let edge = Edge { at_secs, before, to: Arc::new(to) };
    Ok((Some(customer), Fact::Subscription { id, edge }))
}

/// Stripe's customer: <https://docs.stripe.com/api/customers/object>.
#[derive(Deserialize)]
struct Customer<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    metadata: Metadata<'a>,
}

impl Customer<'_> {
    fn parsed(&self, kind: Type, user_id_keys: &[String]) -> Result<Parsed, Error> {
        let customer = CustomerId::new(&self.id)
            .map_err(|error| Error::Malformed(format!("data.object.id: {error}")))?;
        if kind == Type::CustomerDeleted {
            return Ok((Some(customer), Fact::CustomerDeleted));
        }
        Ok((Some(customer), Fact::Customer { user: self.metadata.user(user_id_keys)? }))
    }
}

/// The customer, or the Account that stands for one (Accounts v2).
pub(super) fn customer_id(
    customer: &Expandable<'_>,
    account: &Expandable<'_>,
) -> Result<CustomerId, Error> {
    let field = if *customer == Expandable::Null { account } else { customer };
    let id = parse_id("data.object.customer", field)?;
    CustomerId::new(id).map_err(|error| Error::Malformed(format!("data.object.customer: {error}")))
}

pub(super) fn parse_id<'f>(name: &str, field: &'f Expandable<'_>) -> Result<&'f str, Error> {
    field.id().ok_or_else(|| Error::Malformed(format!("{name}: no id")))
}

#[cfg(test)]
#[path = "event_tests/mod.rs"]
mod tests;
