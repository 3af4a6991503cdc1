//! The operators' door: what [`tierlift_operations`] can do, as routes under `/operations/`. They are served on
//! a Unix socket beside the data file, which is its owner's alone, on a listener of their own with a token, and never
//! on the public listener. A command that finds no server opens the file and asks the same routes itself.

mod caller;
mod history;
mod listener;
mod owner;
mod reconcile;
mod socket;
mod webhooks;

use std::{path::Path, sync::Arc};

use axum::{
    Router,
    http::{Method, StatusCode},
};
use tierlift_core::{change::Change, policy::Policy, shared::Shared, time::Clock};
use tierlift_notifier::notify;
use tierlift_operations::{
    Desk, Traffic,
    routes::{self, Door, OwnersDoor},
};
use tokio::sync::watch;

use crate::{
    db::{Db, OpenError},
    metrics,
    policy_change::Reload,
    reconciler,
    sockets::Registry,
};

use history::History;
pub use listener::OperatorsListener;
pub use socket::socket_path;
pub(crate) use socket::{Socket, serve};

/// Answers operators' requests about one data file.
#[derive(Clone)]
pub struct Operator {
    desk: Desk<Db>,
    connected_accounts: Shared<Vec<String>>,
    sockets: Registry,
    reconciler: Option<reconciler::Handle>,
    history: History,
}

impl std::fmt::Debug for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Operator")
    }
}

impl Operator {
    /// Opens a data file that no server has open. What is redriven is applied when a server starts.
    pub fn open(
        data: &Path,
        policy: Policy,
        connected_accounts: Vec<String>,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        let backend = Db::open(data, clock.clone())?;
        let desk = Desk { backend, policy: policy.into(), clock, has_worker: false };
        let connected_accounts = connected_accounts.into();
        let (sockets, history) = (Registry::default(), History::default());
        Ok(Self { desk, connected_accounts, sockets, reconciler: None, history })
    }

    /// The door of a running server.
    pub(crate) fn of_server(backend: Db, reload: &Reload, clock: Clock, sockets: Registry) -> Self {
        let connected_accounts = reload.connected_accounts.clone();
        let policy = reload.policy.clone();
        let desk = Desk { backend, policy, clock, has_worker: true };
        let history = History::default();
        Self { desk, connected_accounts, sockets, reconciler: None, history }
    }

    /// The same door, at which reconciliations can be asked for.
    pub(crate) fn with_reconciler(self, reconciler: Option<reconciler::Handle>) -> Self {
        Self { reconciler, ..self }
    }

    /// Notes what happens in the process, until `stop` is true.
    pub(crate) async fn watch(self, stop: watch::Receiver<bool>) {
        let Self { desk, sockets, history, .. } = self;
        history.fill((desk.backend, sockets, desk.clock), metrics::handle(), stop).await;
    }

    /// All routes, for the owner of the data file.
    pub(crate) fn router(self) -> Router {
        let operator = Arc::new(self);
        let own = owner::router(Arc::clone(&operator))
            .merge(reconcile::router(&operator))
            .merge(webhooks::router(Arc::clone(&operator)));
        routes::with_refusals(routes::router(operator).merge(own))
    }

    /// Answers one request, as the socket would: the status and the body.
    pub async fn answer(&self, method: Method, path: &str, body: String) -> (StatusCode, String) {
        routes::answer(self.clone().router(), method, path, body).await
    }
}

impl OwnersDoor for Operator {
    fn connected_accounts(&self) -> Vec<String> {
        self.connected_accounts.current().to_vec()
    }
}

impl Door for Operator {
    type Backend = Db;

    fn desk(&self) -> &Desk<Db> {
        &self.desk
    }

    fn traffic(&self) -> Traffic {
        self.history.traffic()
    }

    async fn push(&self, changes: &[Change]) {
        for change in changes {
            notify(&self.sockets, change, None, &self.desk.clock).await;
        }
    }
}
