//! Live sockets: who holds which, and how to push a frame to one.

use std::{fmt, future::Future};

use crate::id::UserId;

/// What a push did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The frame was delivered, or is in the socket's outbox.
    Sent,
    /// The socket does not exist any more.
    Gone,
}

/// Why a push failed for a reason that may pass.
#[derive(Debug, thiserror::Error)]
#[error("the push failed: {0}")]
pub struct PushError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Finds live sockets and pushes frames to them.
pub trait Sockets: Send + Sync {
    /// Names one socket.
    type Id: Clone + Send + Sync + fmt::Debug;

    /// The live sockets of a user.
    fn for_user(
        &self,
        user: &UserId,
    ) -> impl Future<Output = Result<Vec<Self::Id>, PushError>> + Send;

    /// Pushes a text frame to a socket.
    fn push(
        &self,
        socket: &Self::Id,
        text: &str,
    ) -> impl Future<Output = Result<Pushed, PushError>> + Send;

    /// Forgets a socket that is gone.
    fn forget(
        &self,
        user: &UserId,
        socket: &Self::Id,
    ) -> impl Future<Output = Result<(), PushError>> + Send;
}
