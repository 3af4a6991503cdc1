//! One machine, one SQLite file: queue, store, sockets and HTTP server.
//!
//! It implements core's ports and wires the stages to them in one process. It names no cloud.

mod clock;
pub mod consumer;
pub mod db;
mod http;
pub mod maintenance;
mod metrics;
mod server;
mod sockets;
mod stop;

pub use clock::system_clock;
pub use db::Db;
pub use server::{OpenError, RunError, Server, Settings, Timeouts};
pub use sockets::{Handle, Registry};
