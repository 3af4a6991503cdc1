//! What integration tests drive programs with: clients, child processes and where tools are.
#![allow(clippy::restriction, clippy::missing_panics_doc, reason = "tests stop where they fail")]

pub mod client;
pub mod collector;
pub mod documents;
pub mod localstripe;
pub mod operators;
pub mod program;
pub mod socket;
pub mod tools;

use std::time::{Duration, SystemTime};

use tierlift_core::{id::RevocationId, time::Timestamp, token::Secret};

use crate::facts::user_id;

/// Signs webhooks in tests.
pub const WEBHOOK_SECRET: &str = "whsec_7Zq2mVxT4bLr9KsWdN3c";
/// Signs tokens in tests.
pub const JWT_SECRET: &str = "a secret of at least thirty-two bytes";
/// An origin whose pages may call.
pub const ORIGIN: &str = "https://app.example.com";
/// A revocation id that no account reaches: a token with it is never stale.
pub const NEVER_STALE: u64 = 1_000_000;

const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Waits until `holds` returns true; panics with `condition` if it stays false for 20 s.
pub async fn eventually(condition: &str, holds: impl AsyncFnMut() -> bool) {
    eventually_within(Duration::from_secs(20), condition, holds).await;
}

/// Waits until `holds` returns true; panics with `condition` if it stays false for that long.
pub async fn eventually_within(
    limit: Duration,
    condition: &str,
    mut holds: impl AsyncFnMut() -> bool,
) {
    for _ in 0..limit.as_millis() / POLL_INTERVAL.as_millis() {
        if holds().await {
            return;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    panic!("never true: {condition}");
}

/// The system's time, which child processes see as well.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp::from_micros(since.as_micros().try_into().unwrap())
}

/// The secret that signs tokens in tests.
#[must_use]
pub fn token_secret() -> Secret {
    Secret::new(JWT_SECRET).unwrap()
}

/// A token for a user at that revocation id, signed with [`JWT_SECRET`].
#[must_use]
pub fn token(user: &str, rev: u64, now: Timestamp) -> String {
    token_secret().mint(&user_id(user), RevocationId(rev), now)
}
