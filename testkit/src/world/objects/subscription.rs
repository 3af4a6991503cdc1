//! Subscriptions: their statuses, items and states.

use super::{Dated, Metadata};

/// The status of a subscription.
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
    /// Stripe's name.
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

    /// Whether no other status can follow.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Canceled | Self::IncompleteExpired)
    }

    /// Whether the subscription is active, trialing or past due.
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
    /// Stripe's name.
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
    /// The lookup key that the price had when this state began.
    pub lookup_key: Option<String>,
    /// `None` for a metered price.
    pub quantity: Option<u32>,
    pub start: i64,
    pub end: i64,
}

/// Every field of a subscription that can change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub status: Status,
    pub items: Vec<Item>,
    /// The number of items that an event shows.
    pub shown: usize,
    pub cancel_at: Option<i64>,
    pub cancel_at_period_end: bool,
    pub pause: Option<Behavior>,
    pub trial_end: Option<i64>,
    pub metadata: Metadata,
    pub latest_invoice: Option<String>,
}

/// A subscription. Each state is dated with the second in which it began, and has an event.
#[derive(Clone, Debug)]
pub struct Subscription {
    pub id: String,
    pub customer: String,
    pub created: i64,
    pub history: Vec<Dated<Node>>,
}

impl Subscription {
    /// Its current state.
    pub fn node(&self) -> &Node {
        // A subscription has its first state from the beginning, and never loses one.
        &self.history[self.history.len() - 1].value
    }
}
