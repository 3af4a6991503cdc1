//! The clock of a real process. It is the only place in the embedded server that reads the system's time;
//! the functions on AWS have one of their own, and a test passes another [`Clock`].

use std::time::SystemTime;

use rustix::time::{ClockId, clock_gettime};
use tierlift_core::time::{Clock, SteadyClock};

/// Counts while the machine sleeps, and nobody sets it.
#[cfg(target_os = "linux")]
const SINCE_START: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const SINCE_START: ClockId = ClockId::Monotonic;

/// The system's clock, which does not follow a jump until something speaks for it.
#[must_use]
pub fn system_clock() -> Clock {
    Clock::new(SteadyClock::new(|| SystemTime::now().into(), micros_since_start))
}

fn micros_since_start() -> i64 {
    let time = clock_gettime(SINCE_START);
    time.tv_sec.saturating_mul(1_000_000).saturating_add(time.tv_nsec / 1_000)
}
