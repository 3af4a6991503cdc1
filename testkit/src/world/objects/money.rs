//! Sessions, invoices and payments, and what was given back of them.

use super::{Dated, Metadata};

/// The mode of a Checkout Session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Subscription,
    Payment,
    Setup,
}

/// What an event reports about a session's payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    Paid,
    NoPaymentRequired,
    Unpaid,
    AsyncSucceeded,
    AsyncFailed,
}

impl Report {
    /// Whether the report says that the session is paid.
    pub fn is_paid(self) -> bool {
        matches!(self, Self::Paid | Self::NoPaymentRequired | Self::AsyncSucceeded)
    }
}

/// A Checkout Session that completed.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: String,
    pub mode: Mode,
    pub customer: Option<String>,
    pub account: Option<String>,
    pub subscription: Option<String>,
    pub payment_intent: Option<String>,
    pub client_reference_id: Option<String>,
    pub metadata: Metadata,
    pub payment_link: Option<String>,
    /// Prices of the line items; empty if they are not expanded.
    pub line_items: Vec<String>,
    pub reports: Vec<Dated<Report>>,
}

/// An invoice of a subscription.
#[derive(Clone, Debug)]
pub struct Invoice {
    pub id: String,
    pub subscription: String,
    pub created: i64,
    pub amount: i64,
    pub paid_at: Option<i64>,
    /// The charges that paid it.
    pub charges: Vec<String>,
}

/// What a charge paid for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    Session(String),
    Invoice(String),
}

/// A refund of a charge, in part or in full.
#[derive(Clone, Debug)]
pub struct Refund {
    pub id: String,
    pub amount: i64,
    pub failed: bool,
}

/// A dispute of a charge, and its statuses by Stripe's names.
#[derive(Clone, Debug)]
pub struct Dispute {
    pub id: String,
    pub statuses: Vec<Dated<&'static str>>,
}

/// A successful charge.
#[derive(Clone, Debug)]
pub struct Payment {
    pub charge: String,
    pub payment_intent: Option<String>,
    pub customer: Option<String>,
    pub account: Option<String>,
    pub amount: i64,
    pub purpose: Purpose,
    pub refunds: Vec<Refund>,
    /// Seconds in which an event reported a full refund.
    pub refunded: Vec<i64>,
    /// Seconds in which a refund failed or was canceled.
    pub undone: Vec<i64>,
    pub dispute: Option<Dispute>,
}

impl Payment {
    /// The amount that is refunded now.
    pub fn refunded_amount(&self) -> i64 {
        self.refunds.iter().filter(|refund| !refund.failed).map(|refund| refund.amount).sum()
    }
}
