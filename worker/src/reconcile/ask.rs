//! Asking Stripe for as long as is sensible, and why a reconciliation ends early.

use std::time::Duration;

use tierlift_core::{
    codes::Code,
    limits::{RECONCILE_WAIT_MS, RECONCILE_WAITS_MAX},
    ports::{QueueError, StoreError, StripeError},
};
use tokio::time::sleep;

/// Why a reconciliation ended early. It goes on from where it was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Stripe was asked and did not answer as asked.
    #[error(transparent)]
    Stripe(#[from] StripeError),
    /// The store could not be read or written.
    #[error("the store failed: {0}")]
    Store(#[from] StoreError),
    /// The queue could not be read or written.
    #[error("{0}")]
    Queue(QueueError),
}

impl Error {
    /// Its code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Stripe(error) => error.code(),
            Self::Store(_) | Self::Queue(_) => Code::CommandFailed,
        }
    }
}

/// Asks until Stripe answers, and no longer than is sensible.
pub(super) async fn patiently<T, F>(mut ask: impl FnMut() -> F) -> Result<T, StripeError>
where
    F: Future<Output = Result<T, StripeError>>,
{
    let mut waits = 0;
    loop {
        let error = match ask().await {
            Err(error) if error.is_transient() && waits < RECONCILE_WAITS_MAX => error,
            answered => return answered,
        };
        waits += 1;
        tracing::debug!(%error, waits, "reconciliation waits for Stripe");
        sleep(error.retry_after().unwrap_or(Duration::from_millis(RECONCILE_WAIT_MS))).await;
    }
}
