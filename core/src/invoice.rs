//! An invoice: it leads from a payment to the subscription that it paid for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    fold::Arrival,
    id::{CustomerId, InvoiceId, PaymentId, SubscriptionId, Version},
    limits::PAYMENTS_PER_INVOICE_MAX,
};

/// What a paid invoice paid for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Paid {
    /// Time at which the invoice was created, in seconds since the epoch.
    pub created_secs: i64,
    /// Time at which it was paid, in seconds since the epoch.
    pub paid_secs: i64,
    /// Its subscription; `None` if it is not of one.
    pub subscription: Option<SubscriptionId>,
}

/// An invoice: its payments, and the subscription that they paid for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Stripe's id.
    pub id: InvoiceId,
    /// Its customer and what it paid for; `None` until `invoice.paid` reports them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub paid: Option<(CustomerId, Paid)>,
    /// Its payments.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub payments: BTreeSet<PaymentId>,
    /// The number of times that it was written.
    #[serde(skip)]
    pub version: Version,
}

/// Why an event about an invoice cannot be applied.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invoice {0} has more than {PAYMENTS_PER_INVOICE_MAX} payments")]
pub struct TooManyPayments(InvoiceId);

impl Invoice {
    /// An invoice about which nothing is known yet.
    #[must_use]
    pub const fn new(id: InvoiceId) -> Self {
        Self { id, paid: None, payments: BTreeSet::new(), version: Version(0) }
    }

    pub(crate) fn pay(&mut self, customer: CustomerId, paid: Paid) -> Arrival {
        let paid = (customer, paid);
        if self.paid.as_ref().is_some_and(|known| *known >= paid) {
            return Arrival::Stale;
        }
        self.paid = Some(paid);
        Arrival::Remembered
    }

    pub(crate) fn link(&mut self, payment: &PaymentId) -> Result<Arrival, TooManyPayments> {
        if self.payments.contains(payment) {
            return Ok(Arrival::Stale);
        }
        if self.payments.len() >= PAYMENTS_PER_INVOICE_MAX {
            return Err(TooManyPayments(self.id.clone()));
        }
        self.payments.insert(payment.clone());
        Ok(Arrival::Remembered)
    }
}
