//! Webhooks to the host as values: what waits, what is dead, and what became of a try.

use tierlift_core::{change::Change, time::Timestamp};

/// A webhook that the host has not accepted yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its position in the log of changes.
    pub position: u64,
    /// Its id for the host, the same in every try.
    pub id: String,
    /// Time at which it was taken from the log.
    pub taken_at: Timestamp,
    /// The change.
    pub change: Change,
}

/// A webhook that was tried for too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dead {
    /// The webhook.
    pub webhook: Pending,
    /// Time of the last try.
    pub failed_at: Timestamp,
    /// Tries.
    pub attempts: u32,
    /// What the last one failed with.
    pub error: String,
}

/// What waits to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Webhooks that the host has not accepted yet.
    pub pending: u64,
    /// Users whose they are.
    pub users: u64,
    /// Time at which the oldest was taken from the log.
    pub oldest: Option<Timestamp>,
    /// The error of the one that was tried most often.
    pub error: Option<String>,
    /// Dead webhooks.
    pub dead: u64,
}

/// What was taken from the log of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// The position up to which the log is taken.
    pub(crate) place: u64,
    /// Changes that were taken.
    pub(crate) count: usize,
    /// Whether nothing is taken before others are accepted.
    pub(crate) is_full: bool,
    /// Whether changes are gone that were never taken.
    pub(crate) has_gap: bool,
}

/// A webhook that the host did not accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    /// Its position in the log of changes.
    pub(crate) position: u64,
    /// Tries.
    pub(crate) attempts: u32,
    /// What the last one failed with.
    pub(crate) error: String,
    /// Time of the next try.
    pub(crate) next_at: Timestamp,
    /// Whether there is none.
    pub(crate) is_dead: bool,
}
