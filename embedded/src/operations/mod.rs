//! The operators' door: what [`tierlift_operations`] can do, as routes under `/operations/`. They are served on
//! a Unix socket beside the data file, which is its owner's alone, on a listener of their own with a token, and never
//! on the public listener. A command that finds no server opens the file and asks the same routes itself.

mod answer;
mod caller;
mod history;
mod listener;
mod owner;
mod request;
mod routes;
mod socket;

use std::{path::Path, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request, StatusCode, header::CONTENT_TYPE},
};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use tierlift_core::{
    change::Change, limits::OPERATIONS_ANSWER_BYTES_MAX, policy::Policy, shared::Shared,
    time::Clock,
};
use tierlift_notifier::notify;
use tierlift_operations::Desk;

use crate::{
    db::{Db, OpenError},
    policy_change::Reload,
    sockets::Registry,
};

pub use listener::OperatorsListener;
pub use socket::socket_path;
pub(crate) use socket::{Socket, serve};

/// Answers operators' requests about one data file.
#[derive(Clone)]
pub struct Operator {
    desk: Desk<Db>,
    connected_accounts: Shared<Vec<String>>,
    sockets: Registry,
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
        Ok(Self { desk, connected_accounts, sockets: Registry::default() })
    }

    /// The door of a running server.
    pub(crate) fn of_server(backend: Db, reload: &Reload, clock: Clock, sockets: Registry) -> Self {
        let connected_accounts = reload.connected_accounts.clone();
        let policy = reload.policy.clone();
        let desk = Desk { backend, policy, clock, has_worker: true };
        Self { desk, connected_accounts, sockets }
    }

    /// All routes.
    pub(crate) fn router(self) -> Router {
        routes::router(Arc::new(self))
    }

    /// Answers one request, as the socket would: the status and the body.
    pub async fn answer(&self, method: Method, path: &str, body: String) -> (StatusCode, String) {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(CONTENT_TYPE, "application/json").body(Body::from(body));
        let Ok(request) = request else { return (StatusCode::BAD_REQUEST, String::new()) };
        let router = TowerToHyperService::new(self.clone().router());
        let Ok(response) = router.call(request).await;
        let (head, body) = response.into_parts();
        let bytes = to_bytes(body, OPERATIONS_ANSWER_BYTES_MAX).await.unwrap_or_default();
        (head.status, String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Pushes what an act changed to the sockets of its users.
    async fn push(&self, changes: &[Change]) {
        for change in changes {
            notify(&self.sockets, change, None, &self.desk.clock).await;
        }
    }
}
