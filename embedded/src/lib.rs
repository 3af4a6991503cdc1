//! One machine, one SQLite file: queue, store, sockets and HTTP server.
//!
//! It implements core's ports and wires the stages to them in one process. It names no cloud.

pub mod db;

pub use db::Db;
