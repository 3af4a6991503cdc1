//! The circuit breaker: after some failures in a row nothing is sent for a while, then one request tries.
//!
//! ```text
//! closed ──failures──▶ open ──pause over──▶ half open ──success──▶ closed
//!                       ▲                        │
//!                       └──failure, twice as long┘
//! ```

use std::{sync::Mutex, time::Duration};

use tierlift_core::limits::{STRIPE_FAILURES_MAX, STRIPE_PAUSE_MS_MAX, STRIPE_PAUSE_MS_MIN};
use tokio::time::Instant;

use crate::limiter::lock;

#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    pause: Duration,
    open_until: Option<Instant>,
}

impl Breaker {
    /// Whether a request may be sent; `Err` is the time until one may.
    pub(crate) fn admit(&self) -> Result<(), Duration> {
        let mut state = lock(&self.0);
        let now = Instant::now();
        match state.open_until {
            Some(until) if until > now => Err(until - now),
            Some(_) => {
                // One tries; the others wait for another pause at most.
                state.open_until = Some(now + state.pause);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Stripe answered, whatever it said.
    pub(crate) fn succeeded(&self) {
        *lock(&self.0) = State::default();
    }

    /// Stripe did not answer, or answered that it failed.
    pub(crate) fn failed(&self) {
        let mut state = lock(&self.0);
        state.failures = state.failures.saturating_add(1);
        if state.failures >= STRIPE_FAILURES_MAX {
            let longer = (state.pause * 2).max(Duration::from_millis(STRIPE_PAUSE_MS_MIN));
            state.pause = longer.min(Duration::from_millis(STRIPE_PAUSE_MS_MAX));
            state.open_until = Some(Instant::now() + state.pause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_failures_and_closes_after_a_success() {
        let breaker = Breaker::default();
        for _ in 1..STRIPE_FAILURES_MAX {
            breaker.failed();
            assert!(breaker.admit().is_ok());
        }
        breaker.failed();
        let first = breaker.admit().unwrap_err();
        assert_eq!(first, Duration::from_millis(STRIPE_PAUSE_MS_MIN));
        tokio::time::advance(first).await;
        assert!(breaker.admit().is_ok(), "one tries");
        assert!(breaker.admit().is_err(), "and one only");
        breaker.failed();
        assert_eq!(breaker.admit(), Err(first * 2));
        tokio::time::advance(first * 2).await;
        assert!(breaker.admit().is_ok());
        breaker.succeeded();
        assert!(breaker.admit().is_ok() && breaker.admit().is_ok());
    }
}
