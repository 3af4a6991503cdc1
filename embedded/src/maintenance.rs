//! Maintenance: what happens by the clock alone. Expires access, and deletes old ledger rows.

use std::{sync::Arc, time::Duration};

use tierlift_core::{
    change::Change,
    limits::{LEDGER_ROWS_PER_PRUNE_MAX, MAINTENANCE_INTERVAL_SECS},
    policy::Policy,
    time::Clock,
};
use tierlift_notifier::notify;
use tierlift_worker::expire_due;
use tokio::{sync::watch, time::interval};

use crate::{
    Registry,
    db::{Db, Error},
    stop::stopped,
};

/// Runs until `stop` is true.
pub async fn run(
    db: Db,
    sockets: Registry,
    policy: Arc<Policy>,
    clock: Clock,
    mut stop: watch::Receiver<bool>,
) {
    let mut ticks = interval(Duration::from_secs(MAINTENANCE_INTERVAL_SECS));
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => return,
            _ = ticks.tick() => {}
        }
        let push = |change| push(sockets.clone(), clock.clone(), change);
        if let Err(error) = expire_due(&db, &policy, &clock, push).await {
            tracing::warn!(%error, "could not read expired accounts");
        }
        if let Err(error) = prune(&db, &clock, &stop).await {
            tracing::warn!(%error, "could not prune the ledger");
        }
    }
}

async fn push(sockets: Registry, clock: Clock, change: Change) {
    notify(&sockets, &change, None, &clock).await;
}

/// Deletes all expired ledger rows: as many as there were events in as short a time 90 days ago.
async fn prune(db: &Db, clock: &Clock, stop: &watch::Receiver<bool>) -> Result<(), Error> {
    let max = LEDGER_ROWS_PER_PRUNE_MAX;
    while !*stop.borrow() && db.prune_ledger(clock.now(), max).await? == max {}
    Ok(())
}
