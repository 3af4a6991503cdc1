//! What nobody sends a webhook for: roles whose time is over, and ledger rows that may go.

use std::{sync::Arc, time::Duration};

use tierlift_core::{decide::Change, policy::Policy, time::Clock};
use tierlift_notifier::notify;
use tierlift_worker::lapse_one;
use tokio::{sync::watch, time::interval};

use crate::{
    Registry,
    db::{Db, Error},
    stop::stopped,
};

/// How often lapsed roles are looked for.
const EVERY: Duration = Duration::from_secs(5);
/// Accounts or rows of one round at most.
const ROUND_MAX: usize = 1_000;

/// Runs until `stop` is true.
pub async fn run(
    db: Db,
    sockets: Registry,
    policy: Arc<Policy>,
    clock: Clock,
    mut stop: watch::Receiver<bool>,
) {
    let mut ticks = interval(EVERY);
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => return,
            _ = ticks.tick() => {}
        }
        if let Err(why) = lapse_due(&db, &sockets, &policy, &clock).await {
            tracing::warn!(error = %why, "lapsed roles could not be looked for");
        }
        if let Err(why) = prune(&db, &clock, &stop).await {
            tracing::warn!(error = %why, "the ledger could not be pruned");
        }
    }
}

/// Lets go of all ledger rows whose time is over: there are as many as there were events in as short
/// a time, 90 days ago.
async fn prune(db: &Db, clock: &Clock, stop: &watch::Receiver<bool>) -> Result<(), Error> {
    while !*stop.borrow() && db.prune_ledger(clock.now(), ROUND_MAX).await? == ROUND_MAX {}
    Ok(())
}

/// One round: ends what is over and tells the sockets. Says how many accounts were looked at.
pub async fn lapse_due(
    db: &Db,
    sockets: &Registry,
    policy: &Policy,
    clock: &Clock,
) -> Result<usize, Error> {
    let due = db.lapsed(clock.now(), ROUND_MAX).await?;
    for user in &due {
        match lapse_one(db, policy, user, clock.now()).await {
            Ok(changes) => tell(sockets, &changes, clock).await,
            Err(why) => {
                tracing::warn!(user = user.as_str(), error = %why, "a role could not be ended");
            }
        }
    }
    Ok(due.len())
}

async fn tell(sockets: &Registry, changes: &[Change], clock: &Clock) {
    for change in changes {
        notify(sockets, change, None, clock).await;
    }
}
