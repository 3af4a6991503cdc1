//! The one place that asks the system for the time.

use std::time::{SystemTime, UNIX_EPOCH};

use tierlift_core::time::{Clock, Timestamp};

/// The system's clock.
#[must_use]
pub fn system_clock() -> Clock {
    Clock::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    })
}
