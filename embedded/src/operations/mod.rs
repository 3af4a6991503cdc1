//! The operators' door: what [`tierlift_operations`] can do, as routes under `/operations/`. They are served on
//! a Unix socket beside the data file, which is its owner's alone, and never on the public listener. A command
//! that finds no server opens the file and asks the same routes itself.

mod socket;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    Json, Router,
    extract::State,
    http::{Method, StatusCode},
    routing::post,
};
use serde::{Deserialize, Serialize};
use tierlift_core::{change::Change, policy::Policy, shared::Shared, time::Clock, wire::problem};
use tierlift_notifier::notify;
use tierlift_operations::{
    Desk,
    routes::{self, Answer, Body, Door, Refusal},
};

use crate::{
    db::{Db, OpenError},
    sockets::Registry,
};

pub use socket::socket_path;
pub(crate) use socket::{Socket, serve};

/// Answers operators' requests about one data file.
#[derive(Clone)]
pub struct Operator {
    desk: Desk<Db>,
    sockets: Registry,
}

impl std::fmt::Debug for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Operator")
    }
}

impl Operator {
    /// Opens a data file that no server has open. What is redriven is applied when a server starts.
    pub fn open(data: &Path, policy: Policy, clock: Clock) -> Result<Self, OpenError> {
        let backend = Db::open(data, clock.clone())?;
        let desk = Desk { backend, policy: policy.into(), clock, has_worker: false };
        Ok(Self { desk, sockets: Registry::default() })
    }

    /// The door of a running server.
    pub(crate) const fn of_server(
        backend: Db,
        policy: Shared<Policy>,
        clock: Clock,
        sockets: Registry,
    ) -> Self {
        Self { desk: Desk { backend, policy, clock, has_worker: true }, sockets }
    }

    /// All routes, for the owner of the data file.
    pub(crate) fn router(self) -> Router {
        let operator = Arc::new(self);
        let backup = Router::new().route("/operations/backup", post(backup));
        let routes = routes::router(Arc::clone(&operator)).merge(backup.with_state(operator));
        routes::with_refusals(routes)
    }

    /// Answers one request, as the socket would: the status and the body.
    pub async fn answer(&self, method: Method, path: &str, body: String) -> (StatusCode, String) {
        routes::answer(self.clone().router(), method, path, body).await
    }
}

impl Door for Operator {
    type Backend = Db;

    fn desk(&self) -> &Desk<Db> {
        &self.desk
    }

    async fn push(&self, changes: &[Change]) {
        for change in changes {
            notify(&self.sockets, change, None, &self.desk.clock).await;
        }
    }
}

#[derive(Deserialize)]
struct Backup {
    file: PathBuf,
}

/// The backup that was made.
#[derive(Serialize)]
struct BackedUp {
    file: PathBuf,
    bytes: u64,
}

/// Copies the data file as it is at this moment, while it is in use, and checks the copy.
async fn backup(State(operator): State<Arc<Operator>>, Body(it): Body<Backup>) -> Answer<BackedUp> {
    let bytes = operator.desk.backend.back_up(&it.file).await.map_err(Refusal::failed)?;
    Ok(Json(BackedUp { file: it.file, bytes }))
}
