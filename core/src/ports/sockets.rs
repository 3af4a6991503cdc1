//! Live sockets: who holds which, and how to push a frame to one.

use std::{fmt, future::Future, hash::Hash, sync::Arc};

use crate::{change::Change, id::UserId, time::Timestamp, token::TokenTimes};

/// What a push did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The frame was delivered, or is in the socket's outbox.
    Sent,
    /// The socket does not exist any more.
    Gone,
}

/// Why sockets could not be found, reached or recorded, for a reason that may pass.
#[derive(Debug, thiserror::Error)]
#[error("sockets unavailable: {0}")]
pub struct SocketsError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Finds live sockets and pushes frames to them.
pub trait Sockets: Send + Sync {
    /// Names one socket.
    type Id: Clone + Send + Sync + fmt::Debug;

    /// The live sockets that follow an account: its user's, and those whose token speaks for it.
    fn for_user(
        &self,
        user: &UserId,
    ) -> impl Future<Output = Result<Vec<Self::Id>, SocketsError>> + Send;

    /// Pushes a text frame to a socket.
    fn push(
        &self,
        socket: &Self::Id,
        text: &str,
    ) -> impl Future<Output = Result<Pushed, SocketsError>> + Send;

    /// Pushes a change to a socket that follows its account. `text` is the notice of that account alone; a
    /// socket whose token speaks for several gets one about all of them, as they are then. A socket whose token has
    /// expired gets none, and ends.
    fn push_change(
        &self,
        socket: &Self::Id,
        change: &Arc<Change>,
        text: &str,
    ) -> impl Future<Output = Result<Pushed, SocketsError>> + Send {
        let _ = change;
        self.push(socket, text)
    }

    /// Ends a socket if its token was issued before that time; returns whether it was.
    fn revoke(
        &self,
        socket: &Self::Id,
        revoked_before: Timestamp,
    ) -> impl Future<Output = Result<bool, SocketsError>> + Send;

    /// Forgets a socket that is gone. Forgetting it twice is fine.
    fn forget(&self, socket: &Self::Id) -> impl Future<Output = Result<(), SocketsError>> + Send;
}

/// Who opened a socket, when, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The user.
    pub user: UserId,
    /// The accounts beside the user's own that the token speaks for.
    pub others: Vec<UserId>,
    /// Time of the handshake.
    pub opened_at: Timestamp,
    /// The times of the token.
    pub token: TokenTimes,
}

/// Sockets that a gateway holds for us: each of its events names a socket, and a record says who opened
/// it. Its lists have the newest first, and may lag a moment behind the records.
pub trait GatewaySockets: Sockets<Id: Eq + Hash> {
    /// The live sockets that a user opened, without those that only follow the account.
    fn opened_by(
        &self,
        user: &UserId,
    ) -> impl Future<Output = Result<Vec<Self::Id>, SocketsError>> + Send;

    /// Records who opened a socket.
    fn open(
        &self,
        socket: &Self::Id,
        holder: &Holder,
    ) -> impl Future<Output = Result<(), SocketsError>> + Send;

    /// The holder of a socket; `None` where it is unknown, or its record cannot be understood.
    fn holder(
        &self,
        socket: &Self::Id,
    ) -> impl Future<Output = Result<Option<Holder>, SocketsError>> + Send;

    /// Closes a socket and forgets it. Closing it twice is fine.
    fn close(&self, socket: &Self::Id) -> impl Future<Output = Result<(), SocketsError>> + Send;
}
