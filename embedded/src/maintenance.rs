//! Maintenance, which runs by the clock: expires access, reports what waits, and deletes old rows. It
//! decides none of that; the worker settles accounts, and a row says when it expires.

use std::time::Duration;

use tierlift_core::{
    change::Change,
    limits::{MAINTENANCE_INTERVAL_SECS, ROWS_PER_PRUNE_MAX, WAITING_REPORT_INTERVAL_SECS},
    policy::Policy,
    shared::Shared,
    time::Clock,
};
use tierlift_notifier::notify;
use tierlift_worker::{expire_due, report_waiting};
use tokio::{sync::watch, time::interval};

use crate::{
    db::{Db, Error},
    sockets::Registry,
    stop::stopped,
};

/// Runs until `stop` is true.
pub async fn run(
    db: Db,
    sockets: Registry,
    policy: Shared<Policy>,
    clock: Clock,
    mut stop: watch::Receiver<bool>,
) {
    let mut ticks = interval(Duration::from_secs(MAINTENANCE_INTERVAL_SECS));
    let mut report_due = clock.now();
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => return,
            _ = ticks.tick() => {}
        }
        let push = |change| push(sockets.clone(), clock.clone(), change);
        if let Err(error) = expire_due(&db, &policy.current(), &clock, push).await {
            tracing::warn!(%error, "expired accounts not read");
        }
        if clock.now() >= report_due {
            report_due = clock.now().plus_secs(WAITING_REPORT_INTERVAL_SECS);
            if let Err(error) = report_waiting(&db, clock.now()).await {
                tracing::warn!(%error, "what waits was not read");
            }
        }
        if let Err(error) = prune(&db, &clock, &stop).await {
            tracing::warn!(%error, "expired rows not deleted");
        }
    }
}

async fn push(sockets: Registry, clock: Clock, change: Change) {
    notify(&sockets, &change, None, &clock).await;
}

/// Deletes all expired rows, one batch after another.
async fn prune(db: &Db, clock: &Clock, stop: &watch::Receiver<bool>) -> Result<(), Error> {
    let max = ROWS_PER_PRUNE_MAX;
    while !*stop.borrow() && db.prune(clock.now(), max).await? == max {}
    Ok(())
}
