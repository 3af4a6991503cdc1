//! A failed attempt at an event, and the record of all its failed attempts, which a dead letter carries.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{codes::Code, limits::ERROR_TEXT_BYTES_MAX, time::Timestamp};

/// One failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its cause.
    pub cause: Code,
    /// The error message; at most [`ERROR_TEXT_BYTES_MAX`].
    pub error: String,
}

impl Failure {
    /// A failure with its message cut to the limit.
    #[must_use]
    pub fn new(cause: Code, error: &dyn fmt::Display) -> Self {
        let mut error = error.to_string();
        error.truncate(error.floor_char_boundary(ERROR_TEXT_BYTES_MAX));
        Self { cause, error }
    }
}

/// The record of a message's failed attempts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRecord {
    /// The latest cause.
    pub cause: Code,
    /// Failed attempts so far.
    pub attempts: u32,
    /// Time of the first failure.
    pub first_at: Timestamp,
    /// Time of the latest failure.
    pub last_at: Timestamp,
    /// The latest error message.
    pub last_error: String,
}

impl FailureRecord {
    /// The record after one more failure.
    #[must_use]
    pub fn after(known: Option<&Self>, failure: Failure, now: Timestamp) -> Self {
        Self {
            cause: failure.cause,
            attempts: known.map_or(0, |known| known.attempts).saturating_add(1),
            first_at: known.map_or(now, |known| known.first_at),
            last_at: now,
            last_error: failure.error,
        }
    }
}
