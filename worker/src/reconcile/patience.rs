//! How a reconciliation waits for Stripe.

use std::{future::Future, time::Duration};

use tierlift_core::{
    limits::{RECONCILE_WAIT_MS, RECONCILE_WAITS_MAX},
    ports::StripeError,
};
use tokio::time::sleep;

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
        let named = error.retry_after();
        tracing::debug!(%error, waits, "reconciliation waits for Stripe");
        sleep(named.unwrap_or(Duration::from_millis(RECONCILE_WAIT_MS))).await;
    }
}
