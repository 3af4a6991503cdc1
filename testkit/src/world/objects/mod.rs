//! The objects of the simulated account. Each keeps its whole history, dated in seconds; the last
//! entry is what it is now.

mod money;
mod subscription;

use std::collections::BTreeMap;

pub use money::{Dispute, Invoice, Mode, Payment, Purpose, Refund, Report, Session};
pub use subscription::{Behavior, Item, Node, Status, Subscription};

/// Metadata of any object.
pub type Metadata = BTreeMap<String, String>;

/// A value and the second since which it holds, or in which it was said.
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
