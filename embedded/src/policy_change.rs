//! Applies the policy to what is stored: at start, whenever it is replaced, and when the clock is put right.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tierlift_core::{
    limits::POLICY_RETRY_SECS, policy::Policy, ports::StoreError, shared::Shared, time::Clock,
};
use tierlift_notifier::notify;
use tierlift_worker::policy_change::{apply, correct_clock, pending, preview};
use tokio::sync::{Notify, watch};

use crate::{db::Db, sockets::Registry, stop::stopped};

/// Replaces the rules of a running server.
#[derive(Clone, Debug)]
pub struct Reload {
    pub(crate) policy: Shared<Policy>,
    pub(crate) connected_accounts: Shared<Vec<String>>,
    replaced: Arc<Notify>,
    is_correction_due: Arc<AtomicBool>,
}

impl Reload {
    pub(crate) fn new(policy: Shared<Policy>, connected_accounts: Shared<Vec<String>>) -> Self {
        Self {
            policy,
            connected_accounts,
            replaced: Arc::default(),
            is_correction_due: Arc::default(),
        }
    }

    /// Has everything decided again, since the clock was wrong.
    pub(crate) fn decide_again(&self) {
        self.is_correction_due.store(true, Ordering::Relaxed);
        self.replaced.notify_one();
    }

    /// Replaces the policy, and the connected accounts whose events count. They apply to every later
    /// decision; what is stored is decided again in the background.
    pub fn replace(&self, policy: Policy, connected_accounts: Vec<String>) {
        self.policy.replace(policy);
        self.connected_accounts.replace(connected_accounts);
        self.replaced.notify_one();
    }
}

/// Runs until `stop` is true.
pub(crate) async fn run(
    db: Db,
    sockets: Registry,
    reload: Reload,
    clock: Clock,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let applied = tokio::select! {
            biased;
            // The next start continues what is not applied yet.
            () = stopped(&mut stop) => return,
            applied = apply_pending(&db, &sockets, &reload, &clock) => applied,
        };
        let retry = Duration::from_secs(POLICY_RETRY_SECS);
        tokio::select! {
            biased;
            () = stopped(&mut stop) => return,
            () = reload.replaced.notified() => {}
            () = tokio::time::sleep(retry), if applied.is_err() => {}
        }
    }
}

async fn apply_pending(
    db: &Db,
    sockets: &Registry,
    reload: &Reload,
    clock: &Clock,
) -> Result<(), StoreError> {
    let policy = reload.policy.current();
    let applied = async {
        if reload.is_correction_due.load(Ordering::Relaxed) {
            correct_clock(db, &policy).await?;
            reload.is_correction_due.store(false, Ordering::Relaxed);
        }
        if pending(db, &policy).await?.is_none() {
            return Ok(());
        }
        let preview = preview(db, &policy, clock.now()).await?;
        let accounts = preview.accounts.len();
        for ((from, to), accounts) in preview.by_role() {
            tracing::info!(from, to, accounts, "policy changed");
        }
        let push = |change| {
            let (sockets, clock) = (sockets.clone(), clock.clone());
            async move {
                notify(&sockets, &change, None, &clock).await;
            }
        };
        apply(db, &policy, clock, push, None).await?;
        if accounts > 0 {
            tracing::info!(accounts, "changed policy applied");
        }
        Ok(())
    };
    let applied: Result<(), StoreError> = applied.await;
    applied
        .inspect_err(|error| tracing::error!(%error, "changed policy not applied, retry scheduled"))
}
