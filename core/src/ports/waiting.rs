//! What was paid for and reaches nobody: a subscription or a purchase without an owner, and a refunded or
//! disputed payment of which nobody knows what it paid for.

use std::future::Future;

use crate::{codes::Code, ports::StoreError, time::Timestamp};

/// One thing that waits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waiting {
    /// Time since which it waits, by Stripe's clock.
    pub since: Timestamp,
    /// The id of the customer, of the guest's purchase, or of the payment.
    pub id: String,
    /// What it waits for: [`Code::OwnerUnknown`] or [`Code::PaymentUnlinked`].
    pub cause: Code,
}

/// How much waits for an owner. A refund of an unknown payment is often of something else that the
/// merchant sells, and does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WaitingTotals {
    /// The number of things that wait.
    pub count: u64,
    /// Time since which the oldest one waits.
    pub oldest: Option<Timestamp>,
}

/// Lists what waits.
pub trait WaitingList: Send + Sync {
    /// At most `max` things that wait: those without an owner first, and of each kind the oldest first.
    fn waiting(&self, max: usize) -> impl Future<Output = Result<Vec<Waiting>, StoreError>> + Send;

    /// How much waits for an owner.
    fn waiting_totals(&self) -> impl Future<Output = Result<WaitingTotals, StoreError>> + Send;
}
