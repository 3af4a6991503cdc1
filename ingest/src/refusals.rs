//! Which refusals are logged. Anybody can post forged webhooks faster than lines can be written or read, so
//! only some of each code are logged in a while, with the number of those that were not. The metrics
//! count all of them.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use tierlift_core::{
    codes::Code,
    limits::{REFUSALS_LOGGED_INTERVAL_SECS, REFUSALS_LOGGED_MAX},
    time::Timestamp,
};

/// The refusals of a process, by code.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<BTreeMap<Code, Interval>>);

#[derive(Debug)]
struct Interval {
    since: Timestamp,
    logged: u32,
    suppressed: u64,
}

impl Refusals {
    /// Counts a refusal. If it is to be logged, returns the number of those of the same code that were not
    /// since the last one that was.
    pub(crate) fn count(&self, code: Code, now: Timestamp) -> Option<u64> {
        // A map of counts is consistent between any two steps.
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = codes.entry(code).or_insert(Interval { since: now, logged: 0, suppressed: 0 });
        // A clock that was set back begins a new interval.
        if now < known.since || now >= known.since.plus_secs(REFUSALS_LOGGED_INTERVAL_SECS) {
            (known.since, known.logged) = (now, 0);
        }
        if known.logged >= REFUSALS_LOGGED_MAX {
            known.suppressed += 1;
            return None;
        }
        known.logged += 1;
        Some(std::mem::take(&mut known.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_logged_a_few_times_and_the_others_are_counted() {
        let refusals = Refusals::default();
        let start = Timestamp::from_secs(1_795_000_000);
        let end = start.plus_secs(REFUSALS_LOGGED_INTERVAL_SECS);
        for _ in 0..REFUSALS_LOGGED_MAX {
            assert_eq!(refusals.count(Code::SignatureMismatch, start), Some(0));
        }
        for _ in 0..7 {
            assert_eq!(refusals.count(Code::SignatureMismatch, end.plus_secs(-1)), None);
        }
        assert_eq!(refusals.count(Code::BodyTooLarge, start), Some(0), "another code");
        assert_eq!(refusals.count(Code::SignatureMismatch, end), Some(7));
        assert_eq!(refusals.count(Code::SignatureMismatch, end), Some(0));
        assert_eq!(
            refusals.count(Code::SignatureMismatch, start),
            Some(0),
            "the clock was set back"
        );
    }
}
