//! The objects of the simulated account. Each has its whole history, dated in seconds; the last
//! entry is its current state.

mod money;
mod subscription;

use std::collections::BTreeMap;

pub use money::{Dispute, Invoice, Mode, Payment, Purpose, Refund, Report, Session};
pub use subscription::{Behavior, Item, Node, Status, Subscription};

/// Metadata of any object.
pub type Metadata = BTreeMap<String, String>;

/// A value, and the second in which it was set or reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dated<T> {
    pub at: i64,
    pub value: T,
}

/// A price of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    pub product: String,
    pub lookup_key: Option<String>,
}

/// The features that a customer is entitled to at Stripe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    pub lookup_keys: Vec<String>,
    pub has_more: bool,
}

/// A customer, and what was reported about it.
#[derive(Clone, Debug)]
pub struct Customer {
    pub id: String,
    /// The connected account that it belongs to; `None` is the account itself.
    pub account: Option<String>,
    pub metadata: Vec<Dated<Metadata>>,
    pub deleted_at: Option<i64>,
    pub summaries: Vec<Dated<Summary>>,
}

/// The object that an operator linked to a user by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkTarget {
    Subscription(String),
    Customer(String),
}

/// A link by hand. It has no event.
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
    /// Nothing that concerns anybody's access.
    Nothing,
}
