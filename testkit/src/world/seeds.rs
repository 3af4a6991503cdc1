//! Which generated worlds a test tries.

use std::{env, ops::Range};

/// The seeds of that number of worlds, from 0 on. `TIERLIFT_WORLDS` sets another number, and `TIERLIFT_FIRST_WORLD` another
/// first seed.
///
/// # Panics
/// If one of them is no number.
pub fn seeds(worlds: u64) -> Range<u64> {
    let first = number("TIERLIFT_FIRST_WORLD").unwrap_or(0);
    first..first + number("TIERLIFT_WORLDS").unwrap_or(worlds)
}

#[expect(clippy::unwrap_used, reason = "a setting that cannot be read fails the test")]
fn number(name: &str) -> Option<u64> {
    Some(env::var(name).ok()?.parse().unwrap())
}
