//! An event: what Stripe sent, parsed once into a checked type.
//!
//! [`Event`] is what the worker decides on; it borrows from the body while it is parsed. What a fact
//! changes is the business of `decide`.

use std::sync::Arc;

use serde::Deserialize;

use super::{
    billing::{Charge, Data, Dispute, EntitlementSummary, Invoice, InvoicePayment, Refund},
    checkout::CheckoutData,
    customer::Customer,
    error::Error,
    fact::Parsed,
    ids::customer_id,
    json::{from_slice, object},
    observation::{self, Answered},
    subscription::SubscriptionData,
};
use crate::{
    fold::{Before, Edge},
    id::{CustomerId, EventId, SubscriptionId},
    observation::Observed,
    subscription::Status,
    time::Timestamp,
};

pub use super::{
    fact::Fact,
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
    /// Time at which it happened, in whole seconds; within a second it is not an order. Of an observation, the
    /// time of the answer.
    pub created: Timestamp,
    /// Whether it is from live mode, not from test mode.
    pub livemode: bool,
    /// The customer that it concerns; for a guest's purchase, its own id. `None` if the event only names
    /// a payment.
    pub customer: Option<CustomerId>,
    /// What it reports.
    pub fact: Fact,
    /// When its object was observed, if Stripe's API answered it; `None` of what Stripe sent.
    pub observed: Option<Observed>,
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
    /// Parses the body of a queued message. `user_id_keys` are the metadata keys under which the host
    /// names its users, best first.
    pub fn parse(
        id: EventId,
        kind: Type,
        body: &[u8],
        user_id_keys: &[String],
    ) -> Result<Self, Error> {
        if kind == Type::Observation {
            let parsed = observation::parse(body, user_id_keys)?;
            let Answered { livemode, observed, parsed: (customer, fact) } = parsed;
            let created = Timestamp::from_secs(observed.window.to_secs);
            let observed = Some(observed);
            return Ok(Self { id, kind, created, livemode, customer, fact, observed });
        }
        let parsed = Body { kind, bytes: body, user_id_keys };
        let (created, livemode, (customer, fact)) = parsed.parse()?;
        let created = Timestamp::from_secs(created);
        Ok(Self { id, kind, created, livemode, customer, fact, observed: None })
    }

    /// The second as of which it counts beside others.
    #[must_use]
    pub fn as_of_secs(&self) -> i64 {
        self.observed.map_or(self.created.as_secs(), |observed| observed.window.as_of_secs())
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
            // An observation has an envelope of its own, and is read before.
            Type::Thin | Type::Observation => Err(Error::Thin),
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

#[cfg(test)]
#[path = "event_tests/mod.rs"]
mod tests;
