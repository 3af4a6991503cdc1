//! How long to wait before another try: doubling, capped, and spread by the event's own id, so that
//! no source of randomness is needed and the same event waits the same in every run.

use std::hash::{DefaultHasher, Hash, Hasher};

use tierlift_core::limits::{RETRY_DELAY_MS_MAX, RETRY_DELAY_MS_MIN};

/// Milliseconds until a message that failed its `attempt`-th delivery is delivered again.
#[must_use]
pub fn retry_delay_ms(event: &str, attempt: u32) -> u64 {
    let doubled = RETRY_DELAY_MS_MIN.saturating_mul(1 << attempt.saturating_sub(1).min(16));
    spread(doubled.min(RETRY_DELAY_MS_MAX), event, attempt)
}

/// Milliseconds until a decision is repeated after its `conflict`-th conflict.
#[must_use]
pub fn conflict_delay_ms(event: &str, conflict: u32) -> u64 {
    spread(2 << conflict.min(6), event, conflict)
}

/// Between half of the delay and all of it.
fn spread(delay_ms: u64, event: &str, salt: u32) -> u64 {
    let mut hasher = DefaultHasher::new();
    (event, salt).hash(&mut hasher);
    let half = delay_ms / 2;
    half + hasher.finish() % (delay_ms - half + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_cap_and_never_beyond() {
        for (attempt, low, high) in [
            (1, 500, 1_000),
            (2, 1_000, 2_000),
            (3, 2_000, 4_000),
            (7, 30_000, 60_000),
            (u32::MAX, 30_000, 60_000),
        ] {
            for event in ["evt_1", "evt_2", "evt_3"] {
                let delay = retry_delay_ms(event, attempt);
                assert!((low..=high).contains(&delay), "attempt {attempt}: {delay}");
                assert_eq!(delay, retry_delay_ms(event, attempt));
            }
        }
        assert!(conflict_delay_ms("evt_1", 1) <= 4);
        assert!(conflict_delay_ms("evt_1", u32::MAX) <= 128);
    }
}
