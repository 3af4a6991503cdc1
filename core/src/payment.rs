//! A payment: the aggregate that leads from a payment to what it paid for.
//!
//! A dispute names a payment and nothing else. Each payment is therefore stored under its own id, with its
//! subject and what was given back of it, in whatever order events report them.

use serde::{Deserialize, Serialize};

use crate::{
    fold::Arrival,
    id::{CustomerId, InvoiceId, PaymentId, PurchaseId, Version},
    reversal::Reversal,
    time::Timestamp,
};

/// The state of a checkout's payment. Delayed methods (debits, transfers) decide days later
/// (<https://docs.stripe.com/payments/checkout/fulfill-orders#delayed-notification>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// The checkout is complete, with `payment_status: unpaid`.
    Pending,
    /// It failed.
    Failed,
    /// It succeeded.
    Paid,
}

/// What an event reports about the payment of a checkout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentReport {
    /// `created` of the event, in seconds since the epoch.
    pub at_secs: i64,
    /// The reported state.
    pub state: PaymentState,
}

impl PaymentReport {
    /// Whether this report takes precedence over another one: a final state over a pending one, and the later
    /// one of two final states.
    #[must_use]
    pub fn supersedes(self, other: Self) -> bool {
        self.rank() > other.rank()
    }

    /// Keeps the report that takes precedence.
    pub(crate) fn merge_into(self, known: &mut Option<Self>) -> Arrival {
        if known.is_some_and(|known| !self.supersedes(known)) {
            return Arrival::Stale;
        }
        *known = Some(self);
        Arrival::Remembered
    }

    fn rank(self) -> (bool, i64, PaymentState) {
        (self.state != PaymentState::Pending, self.at_secs, self.state)
    }
}

/// What a payment paid for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// An invoice.
    Invoice(InvoiceId),
    /// A purchase of a customer.
    Purchase(CustomerId, PurchaseId),
}

/// A payment: what it paid for, and what was given back of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Stripe's id.
    pub id: PaymentId,
    /// What it paid for; `None` until an event says so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<Subject>,
    /// What was given back.
    pub reversal: Reversal,
    /// Time since which it is refunded or disputed without a known subject.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub waiting_since: Option<Timestamp>,
    /// The number of times that it was written.
    #[serde(skip)]
    pub version: Version,
}

impl Payment {
    /// A payment about which nothing is known yet.
    #[must_use]
    pub fn new(id: PaymentId) -> Self {
        Self {
            id,
            subject: None,
            reversal: Reversal::default(),
            waiting_since: None,
            version: Version::default(),
        }
    }

    /// Sets what it paid for. A payment has one subject; the greater of two counts.
    pub(crate) fn link(&mut self, subject: Subject) -> Arrival {
        if self.subject.as_ref().is_some_and(|known| *known >= subject) {
            return Arrival::Stale;
        }
        self.subject = Some(subject);
        Arrival::Remembered
    }
}
