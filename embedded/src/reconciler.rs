//! Reconciles with what Stripe lists: once a day, and when an operator asks for it, one at a time. What goes wrong by
//! the day is logged and goes on an hour later.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tierlift_core::{
    codes::Code,
    limits::{RECONCILE_BACKLOG_MAX, RECONCILE_CHECK_SECS},
    observation::Because,
    policy::Policy,
    ports::{ReconciliationRecord as _, Stripe},
    reconciliation::Reconciliation,
    shared::Shared,
    time::Clock,
};
use tierlift_worker::reconcile::{Error, Pass, report};
use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    time::{Instant, timeout_at},
};

use crate::db::Db;

/// A task that is started with the server.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What an operator asks for.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Order {
    /// [`Because::Import`] or [`Because::Reconcile`].
    because: Because,
    /// Whether nothing is enqueued.
    dry_run: bool,
}

/// The latest reconciliation of this process.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Progress {
    /// Its number in this process.
    number: u64,
    /// Whether it has not ended.
    running: bool,
    /// Whether it enqueues nothing.
    dry_run: bool,
    /// What it has found so far; nothing before its first page.
    state: Option<Reconciliation>,
    /// Why it ended early. It goes on where it was when it is asked for again.
    failure: Option<Failed>,
}

#[derive(Clone, Debug, Serialize)]
struct Failed {
    code: Code,
    detail: String,
}

/// Asks for a reconciliation, and sees how far it has come.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    progress: Arc<Mutex<Progress>>,
    orders: Sender<Order>,
}

impl Handle {
    /// A handle, and where its orders arrive.
    pub(crate) fn new() -> (Self, Receiver<Order>) {
        // One at a time runs, so one at most waits for its turn.
        let (orders, ordered) = mpsc::channel(1);
        (Self { progress: Arc::default(), orders }, ordered)
    }

    /// Begins what is asked for, unless one is running. Returns its progress, and whether it is the one that was
    /// asked for.
    pub(crate) fn begin(&self, order: Order) -> (Progress, bool) {
        let is_new = self.claim(order.dry_run) && self.orders.try_send(order).is_ok();
        (self.progress(), is_new)
    }

    /// How far the latest one has come.
    pub(crate) fn progress(&self) -> Progress {
        self.lock().clone()
    }

    /// Begins a run, unless there is one.
    fn claim(&self, dry_run: bool) -> bool {
        let mut progress = self.lock();
        if progress.running {
            return false;
        }
        let number = progress.number + 1;
        *progress = Progress { number, running: true, dry_run, ..Progress::default() };
        true
    }

    fn note(&self, state: &Reconciliation) {
        self.lock().state = Some(state.clone());
    }

    fn end(&self, ended: Result<Option<&Reconciliation>, &Error>) {
        let mut progress = self.lock();
        progress.running = false;
        match ended {
            Ok(done) => progress.state = done.cloned(),
            Err(error) => {
                let (code, detail) = (error.code(), error.to_string());
                progress.failure = Some(Failed { code, detail });
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reconciles for a server.
pub(crate) struct Reconciler<A> {
    pub(crate) stripe: A,
    pub(crate) db: Db,
    pub(crate) policy: Shared<Policy>,
    pub(crate) clock: Clock,
    pub(crate) handle: Handle,
}

impl<A: Stripe> Reconciler<A> {
    /// Runs until it is dropped. `is_daily` says whether it does anything by itself.
    pub(crate) async fn run(self, is_daily: bool, mut orders: Receiver<Order>) {
        loop {
            if is_daily && self.handle.claim(false) {
                self.reconcile_due().await;
            }
            let check_at = Instant::now() + Duration::from_secs(RECONCILE_CHECK_SECS);
            while let Ok(Some(order)) = timeout_at(check_at, orders.recv()).await {
                let ended = self.reconcile(order).await;
                self.handle.end(ended.as_ref().map(Some));
            }
        }
    }

    /// Reconciles if it is time to.
    async fn reconcile_due(&self) {
        let ended = self.try_reconcile_due().await;
        match &ended {
            Ok(Some(done)) => report(done),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, code = %error.code(), "reconciliation goes on later");
            }
        }
        self.handle.end(ended.as_ref().map(Option::as_ref));
    }

    async fn try_reconcile_due(&self) -> Result<Option<Reconciliation>, Error> {
        let latest = self.db.reconciliation().await?;
        let Some(due) = Reconciliation::due(latest, self.clock.now()) else { return Ok(None) };
        self.pass(due, false).await.map(Some)
    }

    /// Does what was asked for.
    async fn reconcile(&self, Order { because, dry_run }: Order) -> Result<Reconciliation, Error> {
        let latest = self.db.reconciliation().await?.filter(|_| !dry_run);
        let state = Reconciliation::asked_for(because, latest, self.clock.now());
        let done = self.pass(state, dry_run).await?;
        if !dry_run {
            report(&done);
        }
        Ok(done)
    }

    async fn pass(&self, state: Reconciliation, is_dry_run: bool) -> Result<Reconciliation, Error> {
        let (because, pages) = (state.because.as_str(), state.report.pages);
        tracing::info!(because, pages, is_dry_run, "reconciliation begins");
        let Self { stripe, db, clock, handle, .. } = self;
        let policy = &*self.policy.current();
        let backlog_max = Some(RECONCILE_BACKLOG_MAX);
        let pass = Pass { stripe, store: db, queue: db, policy, clock, is_dry_run, backlog_max };
        handle.note(&state);
        pass.run(state, |state| handle.note(state)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_is_begun_and_the_others_see_it() {
        let (handle, mut orders) = Handle::new();
        let order = |because, dry_run| Order { because, dry_run };
        let (first, is_new) = handle.begin(order(Because::Import, false));
        assert!(is_new && first.running && first.number == 1);
        let (second, is_new) = handle.begin(order(Because::Reconcile, true));
        assert!(!is_new && second.number == 1 && !second.dry_run);
        assert_eq!(orders.try_recv().unwrap().because, Because::Import);
        assert!(orders.try_recv().is_err());
        handle.end(Ok(None));
        let (third, is_new) = handle.begin(order(Because::Reconcile, true));
        assert!(is_new && third.number == 2 && third.dry_run);
    }
}
