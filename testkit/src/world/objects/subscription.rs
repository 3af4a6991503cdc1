//! Subscriptions: their statuses, items and states.

use super::{Dated, Metadata};

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

impl Subscription {
    /// What it is now.
    pub fn node(&self) -> &Node {
        // A subscription is made with its first state and only ever gains others.
        &self.history[self.history.len() - 1].value
    }
}
