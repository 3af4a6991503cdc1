//! Reconciles with what Stripe lists, once a day. What went wrong is logged and goes on an hour later.

use std::{future::Future, pin::Pin, time::Duration};

use tierlift_core::{
    limits::RECONCILE_CHECK_SECS,
    policy::Policy,
    ports::{ReconciliationRecord, Stripe},
    reconciliation::Reconciliation,
    shared::Shared,
    time::Clock,
};
use tierlift_worker::reconcile::{Error, Pass, report};

use crate::db::Db;

/// A task that is started with the server.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs until it is dropped.
pub(crate) async fn run<A: Stripe>(stripe: A, db: Db, policy: Shared<Policy>, clock: Clock) {
    loop {
        match reconcile_due(&stripe, &db, &policy.current(), &clock).await {
            Ok(Some(done)) => report(&done),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, code = %error.code(), "reconciliation goes on later");
            }
        }
        tokio::time::sleep(Duration::from_secs(RECONCILE_CHECK_SECS)).await;
    }
}

/// Reconciles if it is time to; returns what it found.
async fn reconcile_due<A: Stripe>(
    stripe: &A,
    db: &Db,
    policy: &Policy,
    clock: &Clock,
) -> Result<Option<Reconciliation>, Error> {
    let latest = db.reconciliation().await?;
    let Some(due) = Reconciliation::due(latest, clock.now()) else { return Ok(None) };
    tracing::info!(
        because = due.because.as_str(),
        pages = due.report.pages,
        "reconciliation begins"
    );
    let pass = Pass { stripe, store: db, queue: db, policy, clock, is_dry_run: false };
    Ok(Some(pass.run(due, |_| {}).await?))
}
