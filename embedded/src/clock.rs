//! The clock of a real process. It is the only place in the embedded server that reads the system's time;
//! the functions on AWS have one of their own, and a test passes another [`Clock`].

use std::time::SystemTime;

use tierlift_core::time::Clock;

/// The system's clock.
#[must_use]
pub fn system_clock() -> Clock {
    Clock::new(|| SystemTime::now().into())
}
