//! Maintenance, which runs by the clock: expires access, reports what waits, and deletes old rows. It
//! decides none of that; the worker settles accounts, and a row says when it expires.
//!
//! What is deleted is gone, so nothing is deleted before the clock is confirmed. A role that ended too early
//! is put right when the clock is.

use std::time::Duration;

use tierlift_core::{
    change::Change,
    limits::{MAINTENANCE_INTERVAL_SECS, ROWS_PER_PRUNE_MAX, WAITING_REPORT_INTERVAL_SECS},
    time::Clock,
};
use tierlift_notifier::notify;
use tierlift_worker::{expire_due, report_waiting};
use tokio::{sync::watch, time::interval};

use crate::{
    db::{Db, Error},
    policy_change::Reload,
    sockets::Registry,
    stop::stopped,
};

/// Runs until `stop` is true.
pub async fn run(
    db: Db,
    sockets: Registry,
    reload: Reload,
    clock: Clock,
    mut stop: watch::Receiver<bool>,
) {
    let (mut corrections, mut is_held) = (clock.corrections(), false);
    let mut ticks = interval(Duration::from_secs(MAINTENANCE_INTERVAL_SECS));
    let mut report_due = clock.now();
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => return,
            _ = ticks.tick() => {}
        }
        report_clock(&clock, &mut is_held);
        if clock.corrections() != corrections {
            corrections = clock.corrections();
            tracing::warn!("the clock had been ahead: everything is decided again");
            reload.decide_again();
        }
        let push = |change| push(sockets.clone(), clock.clone(), change);
        if let Err(error) = expire_due(&db, &reload.policy.current(), &clock, push).await {
            tracing::warn!(%error, "expired accounts not read");
        }
        if clock.now() >= report_due {
            report_due = clock.now().plus_secs(WAITING_REPORT_INTERVAL_SECS);
            if let Err(error) = report_waiting(&db, clock.now()).await {
                tracing::warn!(%error, "what waits was not read");
            }
        }
        if !clock.is_confirmed() {
            continue;
        }
        if let Err(error) = prune(&db, &clock, &stop).await {
            tracing::warn!(%error, "expired rows not deleted");
        }
    }
}

/// Says when the system's clock has jumped, and when it is known which time is right.
fn report_clock(clock: &Clock, was_held: &mut bool) {
    let is_held = clock.is_held();
    metrics::gauge!("tierlift_clock_uncertain").set(if is_held { 1.0 } else { 0.0 });
    match (*was_held, is_held) {
        (false, true) => {
            let time = clock.now();
            tracing::warn!(%time, "the system's clock jumped and is not followed yet; check it");
        }
        (true, false) => tracing::info!(time = %clock.now(), "the time is certain again"),
        (true, true) | (false, false) => {}
    }
    *was_held = is_held;
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
