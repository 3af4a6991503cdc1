//! Whom Stripe should be asked about: customers about whom an observation would settle something. The commit that
//! leaves something open says so, and the one that settles it ends it, so nothing is asked for twice or
//! forgotten.
//!
//! Payments of which nobody knows what they paid for are in the
//! [`WaitingList`](super::WaitingList).

use std::future::Future;

use crate::{id::CustomerId, ports::StoreError, time::Timestamp};

/// A customer to ask Stripe about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// Time from which the answer can settle something.
    pub not_before: Timestamp,
    /// The customer, or the guest's purchase.
    pub customer: CustomerId,
}

/// Lists whom Stripe should be asked about.
pub trait FetchList: Send + Sync {
    /// At most `max` customers that are due at `now`, the first that was due first.
    fn due(
        &self,
        now: Timestamp,
        max: usize,
    ) -> impl Future<Output = Result<Vec<Due>, StoreError>> + Send;
}
