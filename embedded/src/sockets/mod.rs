//! Live sockets in this process: which user has which, the outbox of each, and the task that reads and
//! writes one.
//!
//! An idle socket costs one task and one small read buffer: an outbox takes memory only while a frame
//! is in it. Nothing here knows what a frame means; the notifier does.

mod connection;
mod outbox;
mod registry;

pub(crate) use connection::{Peer, SocketContext, serve_socket};
pub(crate) use registry::SocketGuard;
pub use registry::{Handle, Registry};
