//! A subscription's state, and what can happen to it.

use serde::{Deserialize, Serialize};
use tierlift_core::subscription::Status;

use crate::random::Random;

/// A month, near enough: the length of every period.
pub const PERIOD_SECS: i64 = 30 * 86_400;

/// A subscription where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// `sub_1…`
    pub id: String,
    /// `cus_…`
    pub customer: String,
    /// `metadata.user_id` and the checkout's `client_reference_id`.
    pub user: String,
    /// `price_…`
    pub price: String,
    /// Its status.
    pub status: Status,
    /// When it began.
    pub started_secs: i64,
    /// When it last changed; nothing happens to it before that.
    pub changed_secs: i64,
    /// When the current period ends.
    pub period_end_secs: i64,
    /// How many periods it has had.
    pub period: u32,
    /// It will not renew.
    pub cancel_at_period_end: bool,
    /// `pause_collection` is set.
    pub collection_paused: bool,
    /// How many are sold.
    pub quantity: u64,
    /// Metadata that nobody reads.
    pub note: u32,
}

/// What can happen to a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It gets this status.
    Status(Status),
    /// Its next period is paid.
    Renew,
    /// It will, or will not, end with its period.
    CancelAtPeriodEnd(bool),
    /// Its invoices are paused, or no longer.
    PauseCollection(bool),
    /// This quantity is sold.
    Quantity(u64),
    /// Somebody edits metadata that has nothing to do with access.
    Note(u32),
}

impl Subscription {
    /// A subscription that begins, not paid yet.
    pub fn begin(
        random: &mut Random,
        customer: &str,
        user: &str,
        price: &str,
        at_secs: i64,
    ) -> Self {
        Self {
            id: random.id("sub_1", 23),
            customer: customer.to_owned(),
            user: user.to_owned(),
            price: price.to_owned(),
            status: Status::Incomplete,
            started_secs: at_secs,
            changed_secs: at_secs,
            period_end_secs: at_secs + PERIOD_SECS,
            period: 0,
            cancel_at_period_end: false,
            collection_paused: false,
            quantity: 1,
            note: 0,
        }
    }

    /// Whether anything can still happen to it.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        !self.status.is_terminal()
    }

    pub(crate) fn apply(&mut self, step: Step, at_secs: i64) {
        self.changed_secs = self.changed_secs.max(at_secs);
        match step {
            Step::Status(status) => self.status = status,
            Step::Renew => {
                self.period_end_secs += PERIOD_SECS;
                self.period += 1;
            }
            Step::CancelAtPeriodEnd(cancels) => self.cancel_at_period_end = cancels,
            Step::PauseCollection(paused) => self.collection_paused = paused,
            Step::Quantity(quantity) => self.quantity = quantity,
            Step::Note(note) => self.note = note,
        }
    }

    pub(crate) const fn period_start_secs(&self) -> i64 {
        self.period_end_secs - PERIOD_SECS
    }

    /// An id of something that belongs to it, the same each time.
    pub(crate) fn sibling(&self, prefix: &str, length: usize) -> String {
        Random::named(0, &format!("{prefix}{}", self.id)).id(prefix, length)
    }
}
