//! One machine, one SQLite file: queue, store, sockets and HTTP server.
//!
//! It implements core's ports and wires the stages to them in one process. It refuses to depend on a
//! cloud, and it decides nothing: the stages do. [`Server`] is where a host begins.

pub mod db;

mod sockets;

mod consumer;
mod fetcher;
pub mod maintenance;
mod policy_change;
mod reconciler;
mod webhooks;

mod doors;
mod http;

mod operations;

mod clock;
mod metrics;
mod stop;
mod thin;

mod error;
mod offline;
mod server;
mod settings;

pub use clock::system_clock;
pub use db::{
    Db,
    webhook::{Dead, Pending, Waiting},
};
pub use error::{OpenError, RunError};
pub use offline::Offline;
pub use operations::{Operator, OperatorsListener, socket_path};
pub use policy_change::Reload;
pub use server::Server;
pub use settings::{Settings, Timeouts};
pub use sockets::{Handle, Registry};
pub use tierlift_notifier::revoke;
pub use tierlift_operations::routes::Actor;
pub use tierlift_operations::{Imported, ObjectLines};
pub use tierlift_worker::{
    policy_change::{Difference, Preview, preview},
    reconcile,
};
