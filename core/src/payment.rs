//! The first payment of a subscription, as its Checkout Session reports it.

use serde::{Deserialize, Serialize};

/// The state of a checkout's payment. Delayed methods (debits, transfers) decide days later
/// (<https://docs.stripe.com/payments/checkout/fulfill-orders#delayed-notification>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// The checkout completed with `payment_status: unpaid`.
    Pending,
    /// It failed.
    Failed,
    /// It succeeded.
    Paid,
}

/// A checkout's payment and the time of the event that reported it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// `created` of the event, in seconds since the epoch.
    pub at_secs: i64,
    /// The reported state.
    pub state: PaymentState,
}

impl Payment {
    /// Whether this report takes precedence over another: a final state over a pending one whenever it was
    /// sent, and of two final states the later one.
    #[must_use]
    pub fn supersedes(self, other: Self) -> bool {
        self.rank() > other.rank()
    }

    fn rank(self) -> (bool, i64, PaymentState) {
        (self.state != PaymentState::Pending, self.at_secs, self.state)
    }
}
