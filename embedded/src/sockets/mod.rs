//! Live sockets in this process: who holds which, what waits to be sent on each, and the task that
//! reads and writes one.
//!
//! A socket costs one task, one small read buffer and nothing that waits: an outbox takes memory
//! only while something is in it. Nothing here knows what a frame means; the notifier does.

mod connection;
mod outbox;
mod registry;

pub(crate) use connection::{Peer, Talk, converse};
pub(crate) use registry::Seat;
pub use registry::{Handle, Registry};
