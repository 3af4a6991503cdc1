//! What an observation is, apart from its object: the window of its answer, why Stripe was asked, and when a
//! customer should be asked about.
//!
//! An answer of Stripe's API is no moment but a window: it is as of some moment between the request and the
//! `Date` of the answer. Stripe stamps events with whole seconds, so the window is in whole seconds of
//! Stripe's clock, too. Our own clock has no part in it.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The seconds in which an answer of Stripe's API may have been true, both included, in seconds since the
/// epoch by Stripe's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Window {
    /// The `Date` of the answer less the time that the request took, rounded down.
    #[serde(rename = "from")]
    pub from_secs: i64,
    /// The `Date` of the answer.
    #[serde(rename = "to")]
    pub to_secs: i64,
}

impl Window {
    /// The second as of which an answer counts beside events of one second each. An event in the window may
    /// be newer than the answer, so that is the second before it: an answer replaces what is older than
    /// its window, and nothing else.
    #[must_use]
    pub const fn as_of_secs(self) -> i64 {
        self.from_secs.saturating_sub(1)
    }

    /// Time from which another request has a window of its own. The last second of this one is over one
    /// second after it began, and the next one begins up to a second before its request.
    #[must_use]
    pub const fn over_at(self) -> Timestamp {
        over_at(self.to_secs)
    }
}

/// Time from which a request has a window that begins after a second.
#[must_use]
pub const fn over_at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs.saturating_add(2))
}

/// Why Stripe was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// The events left something open.
    Fetch,
    /// A thin event named the object.
    Thin,
    /// A user is back from a checkout.
    Confirm,
    /// Everything that exists at Stripe is imported.
    Import,
    /// Everything that exists at Stripe is compared.
    Reconcile,
}

impl Because {
    /// The name in the ledger and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Thin => "thin",
            Self::Confirm => "confirm",
            Self::Import => "import",
            Self::Reconcile => "reconcile",
        }
    }
}

/// When an object was observed, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The window of the answer.
    pub window: Window,
    /// Why Stripe was asked.
    pub because: Because,
}

/// What an observation would settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FetchReason {
    /// Events of a subscription are missing, and a fixed choice holds.
    Ambiguous,
    /// The latest event of a subscription does not show all of its items.
    ItemsTruncated,
    /// An observation contradicts events of its window.
    Inconclusive,
    /// No answer is later than the latest event, and one is always asked for.
    Unobserved,
    /// A purchase has no plan by what its events say, and they do not have its line items.
    LineItems,
}

impl FetchReason {
    /// The name in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ambiguous => "ambiguous",
            Self::ItemsTruncated => "items_truncated",
            Self::Inconclusive => "inconclusive",
            Self::Unobserved => "unobserved",
            Self::LineItems => "line_items",
        }
    }
}

/// A customer about whom Stripe should be asked. It follows from what is known of the customer, and ends
/// with the observation that settles it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FetchDue {
    /// Time before which the answer may settle nothing.
    pub not_before: Timestamp,
    /// Time since which it is due, by Stripe's clock.
    pub since: Timestamp,
    /// What the answer would settle.
    pub because: FetchReason,
}
