//! Sockets of a gateway, each told what its holder's token speaks for, and only while that token is valid.
//!
//! A socket whose token speaks for several accounts gets a notice about all of them, as they are after the
//! change. The store is read for those sockets alone.

use std::sync::Arc;

use tierlift_core::{
    change::Change,
    id::UserId,
    policy::Policy,
    ports::{GatewaySockets, Pushed, Sockets, SocketsError, Store},
    time::{Clock, Timestamp},
};

use crate::{
    Close,
    frames::{self, Sender},
};

/// Sockets whose notices are made for the holder of each.
#[derive(Debug)]
pub struct HolderSockets<S, C> {
    /// The store of the accounts.
    pub store: S,
    /// The roles and their order.
    pub policy: Policy,
    /// Current time.
    pub clock: Clock,
    /// The sockets.
    pub sockets: C,
}

impl<S: Store, C: GatewaySockets> HolderSockets<S, C> {
    /// Tells a socket that its token has expired, and ends it.
    async fn end(&self, socket: &C::Id) -> Result<Pushed, SocketsError> {
        match self.sockets.push(socket, &Close::TokenExpired.frame()).await? {
            Pushed::Sent => self.sockets.close(socket).await?,
            Pushed::Gone => self.sockets.forget(socket).await?,
        }
        Ok(Pushed::Gone)
    }
}

impl<S: Store, C: GatewaySockets> Sockets for HolderSockets<S, C> {
    type Id = C::Id;

    async fn for_user(&self, user: &UserId) -> Result<Vec<C::Id>, SocketsError> {
        self.sockets.for_user(user).await
    }

    async fn push(&self, socket: &C::Id, text: &str) -> Result<Pushed, SocketsError> {
        self.sockets.push(socket, text).await
    }

    /// A socket without a record has ended, or its client's next frame ends it.
    async fn push_change(
        &self,
        socket: &C::Id,
        change: &Arc<Change>,
        text: &str,
    ) -> Result<Pushed, SocketsError> {
        let Some(holder) = self.sockets.holder(socket).await? else { return Ok(Pushed::Gone) };
        let now = self.clock.now();
        if holder.token.valid_until <= now {
            return self.end(socket).await;
        }
        if holder.others.is_empty() {
            return self.sockets.push(socket, text).await;
        }
        let sender = Sender::of(&holder);
        let notice = frames::notice(&self.store, &self.policy, sender, change, now).await;
        let notice = notice.map_err(|close| SocketsError(close.reason().into()))?;
        self.sockets.push(socket, &notice).await
    }

    async fn revoke(
        &self,
        socket: &C::Id,
        revoked_before: Timestamp,
    ) -> Result<bool, SocketsError> {
        self.sockets.revoke(socket, revoked_before).await
    }

    async fn forget(&self, socket: &C::Id) -> Result<(), SocketsError> {
        self.sockets.forget(socket).await
    }
}

#[cfg(test)]
#[path = "holder_sockets_tests.rs"]
mod tests;
