//! A failed attempt at an event, and the record of all its failed attempts, which a dead letter carries.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    codes::Code,
    limits::{ERROR_TEXT_BYTES_MAX, FAILURES_KEPT_MAX},
    time::Timestamp,
};

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

/// An earlier failed attempt, as its record keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedAttempt {
    /// Time of the failure.
    pub at: Timestamp,
    /// Its cause.
    pub cause: Code,
    /// The error message.
    pub error: String,
}

/// The record of a message's failed attempts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRecord {
    /// The latest cause.
    pub cause: Code,
    /// Failed attempts since it was queued or last redriven.
    pub attempts: u32,
    /// Time of the first failure.
    pub first_at: Timestamp,
    /// Time of the latest failure.
    pub last_at: Timestamp,
    /// The latest error message.
    pub last_error: String,
    /// The failures before the latest one, oldest first, those before a redrive included. Of many, the first
    /// and the newest are kept: at most [`FAILURES_KEPT_MAX`].
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub earlier: Vec<FailedAttempt>,
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
            earlier: known.map(Self::all).unwrap_or_default(),
        }
    }

    /// The record together with failures that stand elsewhere. Those that it has itself are no earlier ones.
    #[must_use]
    pub fn with_earlier(mut self, known: &[FailedAttempt]) -> Self {
        self.earlier = known.iter().filter(|attempt| attempt.at < self.last_at).cloned().collect();
        let first_at = self.earlier.iter().map(|attempt| attempt.at).min();
        self.first_at = first_at.map_or(self.first_at, |at| at.min(self.first_at));
        self
    }

    /// The record of a message that is redriven: it begins with no attempts, and keeps what failed before.
    #[must_use]
    pub fn redriven(self) -> Self {
        Self { attempts: 0, ..self }
    }

    /// Whether it keeps to the limits. One that comes from a file may not.
    #[must_use]
    pub fn is_within_limits(&self) -> bool {
        let errors = self.earlier.iter().map(|attempt| &attempt.error).chain([&self.last_error]);
        self.earlier.len() <= FAILURES_KEPT_MAX
            && errors.into_iter().all(|error| error.len() <= ERROR_TEXT_BYTES_MAX)
    }

    /// Every failure that is kept, oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<FailedAttempt> {
        let mut all = self.earlier.clone();
        let error = self.last_error.clone();
        all.push(FailedAttempt { at: self.last_at, cause: self.cause, error });
        if all.len() > FAILURES_KEPT_MAX {
            all.remove(1);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_keeps_the_first_and_the_newest_failures_through_redrives() {
        let mut record: Option<FailureRecord> = None;
        for n in 0..FAILURES_KEPT_MAX + 5 {
            let failure = Failure::new(Code::PlanUnmapped, &n);
            let now = Timestamp::from_secs(i64::try_from(n).unwrap());
            record = Some(FailureRecord::after(record.as_ref(), failure, now).redriven());
        }
        let record = record.unwrap();
        let errors: Vec<_> = record.earlier.iter().map(|attempt| attempt.error.as_str()).collect();
        assert_eq!((record.attempts, record.first_at), (0, Timestamp::from_secs(0)));
        assert_eq!(errors.len(), FAILURES_KEPT_MAX);
        assert_eq!((errors[0], errors[1], errors[2]), ("0", "5", "6"));
        assert_eq!(record.last_error, (FAILURES_KEPT_MAX + 4).to_string());
    }

    #[test]
    fn what_failed_elsewhere_is_earlier_unless_it_is_the_latest_failure_itself() {
        let at = Timestamp::from_secs;
        let failure = |error: &str| Failure::new(Code::PlanUnmapped, &error);
        let first = FailureRecord::after(None, failure("first"), at(1));
        let second = FailureRecord::after(Some(&first), failure("second"), at(2));
        let alone = FailureRecord::after(None, failure("second"), at(2));
        assert_eq!(alone.clone().with_earlier(&second.all()).earlier, first.all());
        assert_eq!(alone.clone().with_earlier(&second.all()).first_at, at(1));
        assert_eq!(alone.clone().with_earlier(&[]), alone);
    }
}
