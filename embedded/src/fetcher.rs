//! Asks Stripe about the customers about whom the events leave something open, as they become due. While
//! Stripe or the key fails, everybody stays due.

use std::time::Duration;

use tierlift_core::{limits::FETCH_INTERVAL_SECS, ports::Stripe, time::Clock};
use tierlift_worker::{fetch::Fetcher, reconcile::Error};

use crate::db::Db;

/// Runs until it is dropped.
pub(crate) async fn run<A: Stripe>(stripe: A, db: Db, clock: Clock) {
    let mut fetcher = Fetcher::default();
    let mut rounds_failed: u32 = 0;
    loop {
        match round(&mut fetcher, &stripe, &db, &clock).await {
            Ok(()) => rounds_failed = 0,
            Err(error) => {
                rounds_failed = rounds_failed.saturating_add(1);
                report(&error, rounds_failed);
            }
        }
        // Twice as long for each round that failed, up to five minutes.
        let factor = 1 << rounds_failed.min(6);
        tokio::time::sleep(Duration::from_secs(FETCH_INTERVAL_SECS * factor)).await;
    }
}

async fn round<A: Stripe>(
    fetcher: &mut Fetcher,
    stripe: &A,
    db: &Db,
    clock: &Clock,
) -> Result<(), Error> {
    fetcher.fetch_due(stripe, db, db, clock).await?;
    fetcher.fetch_payments(stripe, db, db, clock).await?;
    Ok(())
}

fn report(error: &Error, rounds_failed: u32) {
    match error {
        Error::Stripe(error) => {
            let code = error.code().as_str();
            tracing::warn!(code, %error, rounds_failed, "fetch goes on later");
        }
        Error::Store(_) | Error::Queue(_) => {
            tracing::warn!(%error, rounds_failed, "fetch goes on later");
        }
    }
}
