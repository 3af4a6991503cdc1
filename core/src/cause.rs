//! Why an event failed: a stable code that an operator can look up under `docs/causes/`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{limits::ERROR_TEXT_MAX_BYTES, time::Timestamp};

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// The reason for which an event is a dead letter, or was tried again.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Cause {
            $($(#[$doc])* #[serde(rename = $code)] $name,)*
        }

        impl Cause {
            /// Every cause; each has its page under `docs/causes/`.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
        }
    };
}

causes! {
    /// The body is not what its type promises.
    PayloadMalformed = "payload.malformed",
    /// A test event at a live deployment, or a live one at a test deployment.
    LivemodeMismatch = "livemode.mismatch",
    /// None of a live subscription's prices is in the plan map.
    PlanUnmapped = "plan.unmapped",
    /// The customer has more subscriptions than are kept.
    CustomerTooLarge = "customer.too_large",
    /// The user has more customers than are kept.
    AccountTooLarge = "account.too_large",
    /// Somebody else kept committing first.
    StoreConflict = "store.conflict",
    /// The store could not be read or written.
    StoreUnavailable = "store.unavailable",
    /// It was delivered as often as may be, and nobody ever answered for it.
    DeliveryExhausted = "delivery.exhausted",
    /// The program failed in the middle of the event; a fault of ours.
    WorkerPanicked = "worker.panicked",
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// One failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Why, as a code.
    pub cause: Cause,
    /// Why, in words; at most [`ERROR_TEXT_MAX_BYTES`].
    pub error: String,
}

impl Failure {
    /// A failure with its words cut to the limit.
    #[must_use]
    pub fn new(cause: Cause, error: &dyn fmt::Display) -> Self {
        let mut error = error.to_string();
        error.truncate(error.floor_char_boundary(ERROR_TEXT_MAX_BYTES));
        Self { cause, error }
    }
}

/// What is remembered of a message's failed attempts: a dead letter that says why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRecord {
    /// The latest cause.
    pub cause: Cause,
    /// How many attempts failed.
    pub attempts: u32,
    /// When the first failed.
    pub first_at: Timestamp,
    /// When the latest failed.
    pub last_at: Timestamp,
    /// The latest error's words.
    pub last_error: String,
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
        }
    }
}
