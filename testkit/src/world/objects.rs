//! The objects of the simulated account. Each keeps its whole history, dated in seconds; the last
//! entry is what it is now.

use std::collections::BTreeMap;

/// Metadata of any object.
pub type Metadata = BTreeMap<String, String>;

/// A value and the second since which it holds, or in which it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dated<T> {
    pub at: i64,
    pub value: T,
}

/// A status of a subscription, by Stripe's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    Incomplete,
    IncompleteExpired,
    Trialing,
    Active,
    PastDue,
    Unpaid,
    Paused,
    Canceled,
}

impl Status {
    /// Stripe's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete",
            Self::IncompleteExpired => "incomplete_expired",
            Self::Trialing => "trialing",
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Unpaid => "unpaid",
            Self::Paused => "paused",
            Self::Canceled => "canceled",
        }
    }

    /// Whether nothing follows.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Canceled | Self::IncompleteExpired)
    }

    /// Whether a customer would call it running.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Active | Self::Trialing | Self::PastDue)
    }
}

/// What happens to invoices while collection is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behavior {
    KeepAsDraft,
    MarkUncollectible,
    Void,
}

impl Behavior {
    /// Stripe's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::KeepAsDraft => "keep_as_draft",
            Self::MarkUncollectible => "mark_uncollectible",
            Self::Void => "void",
        }
    }
}

/// A price of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    pub product: String,
    pub lookup_key: Option<String>,
}

/// An item of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub id: String,
    pub price: String,
    /// The key that the price had when this state of the subscription began.
    pub lookup_key: Option<String>,
    /// `None` for a metered price.
    pub quantity: Option<u32>,
    pub start: i64,
    pub end: i64,
}

/// All that a subscription may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub status: Status,
    pub items: Vec<Item>,
    /// How many of the items an event shows.
    pub shown: usize,
    pub cancel_at: Option<i64>,
    pub cancel_at_period_end: bool,
    pub pause: Option<Behavior>,
    pub trial_end: Option<i64>,
    pub metadata: Metadata,
    pub latest_invoice: Option<String>,
}

/// A subscription; each state began in its second, and an event told of each.
#[derive(Clone, Debug)]
pub struct Subscription {
    pub id: String,
    pub customer: String,
    pub created: i64,
    pub history: Vec<Dated<Node>>,
}

/// What Stripe says the customer is entitled to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    pub lookup_keys: Vec<String>,
    pub has_more: bool,
}

/// A customer and what was said of it.
#[derive(Clone, Debug)]
pub struct Customer {
    pub id: String,
    /// The connected account that it belongs to; `None` is our own.
    pub account: Option<String>,
    pub metadata: Vec<Dated<Metadata>>,
    pub deleted_at: Option<i64>,
    pub summaries: Vec<Dated<Summary>>,
}

/// The mode of a Checkout Session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Subscription,
    Payment,
    Setup,
}

/// What an event says of a session's payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    Paid,
    NoPaymentRequired,
    Unpaid,
    AsyncSucceeded,
    AsyncFailed,
}

impl Report {
    /// Whether the session is paid by this report.
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
    /// Prices of the line items; empty where they are not expanded.
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
    /// Charges that paid it.
    pub charges: Vec<String>,
}

/// What a charge paid for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    Session(String),
    Invoice(String),
}

/// A refund of a part or of all of a charge.
#[derive(Clone, Debug)]
pub struct Refund {
    pub id: String,
    pub amount: i64,
    pub failed: bool,
}

/// A dispute of a charge and its statuses, by Stripe's words.
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
    /// Seconds in which the charge was said to be refunded in full.
    pub refunded: Vec<i64>,
    /// Seconds in which a refund failed or was canceled.
    pub undone: Vec<i64>,
    pub dispute: Option<Dispute>,
}

/// The object that an operator linked to a user by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkTarget {
    Subscription(String),
    Customer(String),
}

/// A link by hand; no event tells of it.
#[derive(Clone, Debug)]
pub struct Link {
    pub at: i64,
    pub target: LinkTarget,
    pub user: String,
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    Subscription(String),
    /// The id of a session of mode payment.
    Purchase(String),
    Customer(String),
    /// Nothing that could bear on anybody's access.
    Nothing,
}

impl Subscription {
    /// What it is now.
    pub fn node(&self) -> &Node {
        // A subscription is made with its first state and only ever gains others.
        &self.history[self.history.len() - 1].value
    }
}

impl Payment {
    /// How much of it is refunded at present.
    pub fn refunded_amount(&self) -> i64 {
        self.refunds.iter().filter(|refund| !refund.failed).map(|refund| refund.amount).sum()
    }
}
