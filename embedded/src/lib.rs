//! One machine, one SQLite file: queue, store, sockets and HTTP server.
//!
//! It implements core's ports and wires the stages to them in one process. It names no cloud.

mod clock;
pub mod db;
mod http;
mod metrics;
pub mod pump;
mod server;
mod sockets;
mod stop;
pub mod upkeep;

pub use clock::system_clock;
pub use db::Db;
pub use server::{OpenError, RunError, Server, Settings, Timeouts};
pub use sockets::{Handle, Registry};
