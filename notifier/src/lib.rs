//! The notifier: pushes committed changes to the live sockets of their users and as webhooks to the host, and
//! replies to the frames of clients.
//!
//! It keeps no state: the port [`tierlift_core::ports::Sockets`] knows who holds which socket, and the
//! store knows what a user may do. A socket that misses a notice gets a snapshot later.

mod allowance;
mod close;
mod feed;
pub mod frames;
mod gateway;
pub mod handshake;
mod holder_sockets;
#[cfg(test)]
mod memory;
mod notify;
mod origins;
mod revoke;
pub mod webhook;

pub use allowance::{Allowance, FrameAllowances};
pub use close::Close;
pub use feed::notify_all;
pub use gateway::Gateway;
pub use handshake::HandshakeError;
pub use holder_sockets::HolderSockets;
pub use notify::{FanoutReport, notify};
pub use origins::Origins;
pub use revoke::revoke;
