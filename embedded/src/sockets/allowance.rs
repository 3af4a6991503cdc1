//! How many frames a client may send: a burst at once, and after that a number each second.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// An allowance of frames. It grows with time, up to a burst.
#[derive(Debug)]
pub(super) struct Allowance {
    interval: Duration,
    burst: u32,
    /// The time at which the allowance is whole again.
    whole_at: Mutex<Instant>,
}

impl Allowance {
    /// A whole allowance.
    pub(super) fn new(per_sec: u32, burst: u32, now: Instant) -> Self {
        Self { interval: Duration::from_secs(1) / per_sec, burst, whole_at: Mutex::new(now) }
    }

    /// Takes one frame; returns false if none is left.
    pub(super) fn take(&self, now: Instant) -> bool {
        // A point in time is consistent between any two steps.
        let mut whole_at = self.whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        let next = (*whole_at).max(now) + self.interval;
        if next > now + self.interval * self.burst {
            return false;
        }
        *whole_at = next;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_so_many_a_second() {
        let start = Instant::now();
        let allowance = Allowance::new(10, 50, start);
        let taken = |at: Duration| (0..1_000).filter(|_| allowance.take(start + at)).count();
        assert_eq!(taken(Duration::ZERO), 50);
        assert_eq!(taken(Duration::from_millis(99)), 0);
        assert_eq!(taken(Duration::from_secs(1)), 10);
        assert_eq!(taken(Duration::from_hours(1)), 50, "no more than a burst is saved");
    }
}
