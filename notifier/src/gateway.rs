//! Sockets that a gateway holds: who may open one, how many a user may have, and the reply to a frame.
//!
//! ```text
//! connect ──accepted──▶ open ──frame──▶ open                reply
//!    └──refused         ├──bad frame, one too many──▶ closed
//!                       └──disconnect──▶ closed
//! ```
//!
//! The list of a user's sockets may lag a moment behind the records of them, so a socket that opens
//! while its user's account changes could miss the notice and get an earlier snapshot. Its next ping makes
//! up for that: where the account changed recently, and since the socket opened, a snapshot comes with the
//! pong.

use std::{borrow::Cow, sync::Arc, time::Instant};

use http::HeaderMap;
use tierlift_core::{
    id::UserId,
    limits::{CATCH_UP_SECS, COMMIT_SECS_MAX, SOCKETS_PER_USER_MAX},
    ports::{GatewaySockets, Holder, Store},
    time::Timestamp,
    token::check_not_revoked,
    wire::{
        frame::{self, ClientFrame},
        session::Session,
    },
};
use tierlift_session::{Access, read_accounts};

use crate::{
    Close, FrameAllowances, HandshakeError, Origins,
    frames::{self, Sender},
    handshake,
};

/// Serves the sockets of a gateway.
pub struct Gateway<S, C: GatewaySockets> {
    /// Tokens and accounts.
    pub access: Arc<Access<S>>,
    /// The sockets.
    pub sockets: C,
    /// Origins whose pages may open sockets.
    pub origins: Origins,
    /// Frames that clients may send.
    pub allowances: FrameAllowances<C::Id>,
}

impl<S: Store, C: GatewaySockets> Gateway<S, C> {
    /// Opens a socket. Where its user has too many, the oldest are closed.
    pub async fn connect(&self, socket: &C::Id, headers: &HeaderMap) -> Result<(), HandshakeError> {
        let authenticated = handshake::accept(&self.access, &self.origins, headers).await?;
        let holder = Holder {
            user: authenticated.claims.user.clone(),
            others: authenticated.claims.others.clone(),
            opened_at: self.access.clock.now(),
            token: authenticated.claims.times(),
        };
        self.sockets.open(socket, &holder).await?;
        self.make_room(&holder.user, socket).await;
        Ok(())
    }

    /// Replies to a text frame; `None` where the socket was closed instead.
    pub async fn text(&self, socket: &C::Id, text: &str) -> Option<Cow<'static, str>> {
        match self.reply(socket, text).await {
            Ok(reply) => Some(reply),
            Err(reason) => {
                self.close(socket, reason).await;
                None
            }
        }
    }

    /// Closes a socket on which a binary frame arrived: no frame is binary.
    pub async fn binary(&self, socket: &C::Id) {
        self.close(socket, Close::FrameInvalid).await;
    }

    /// Forgets a socket that its client closed.
    pub async fn disconnect(&self, socket: &C::Id) {
        if let Err(error) = self.sockets.forget(socket).await {
            tracing::warn!(?socket, %error, "could not forget socket; its record expires");
        }
        count_closed("peer");
    }

    /// Closes the oldest of too many sockets. The list may lag a moment, and so may this limit.
    async fn make_room(&self, user: &UserId, newest: &C::Id) {
        let mut sockets = match self.sockets.opened_by(user).await {
            Ok(sockets) => sockets,
            Err(error) => {
                tracing::warn!(user = user.as_str(), %error, "could not list sockets");
                return;
            }
        };
        // The newest come first, and this one may not be listed yet.
        sockets.retain(|socket| socket != newest);
        for socket in sockets.iter().skip(SOCKETS_PER_USER_MAX - 1) {
            self.close(socket, Close::TooManySockets).await;
        }
    }

    async fn reply(&self, socket: &C::Id, text: &str) -> Result<Cow<'static, str>, Close> {
        let now = Instant::now();
        if !self.allowances.take_of_socket(socket, now) {
            return Err(Close::TooManyFrames);
        }
        let frame = frames::parse(text)?;
        let holder = self.holder(socket).await?;
        if !self.allowances.take_of_user(&holder.user, now) {
            return Err(Close::TooManyFrames);
        }
        let Access { store, policy, clock, .. } = &*self.access;
        let (policy, sender) = (policy.current(), Sender::of(&holder));
        let reply = frames::reply(store, &policy, sender, frame, clock.now()).await?;
        if frame == ClientFrame::Ping {
            self.catch_up(socket, &holder).await?;
        }
        Ok(reply)
    }

    async fn holder(&self, socket: &C::Id) -> Result<Holder, Close> {
        match self.sockets.holder(socket).await {
            Ok(Some(holder)) => Ok(holder),
            // The record has expired, so the client has to connect again.
            Ok(None) => Err(Close::GoingAway),
            Err(error) => {
                tracing::error!(?socket, %error, "could not read the holder of a socket");
                Err(Close::StoreUnavailable)
            }
        }
    }

    /// Pushes a snapshot where the socket may have missed the notice of a change.
    async fn catch_up(&self, socket: &C::Id, holder: &Holder) -> Result<(), Close> {
        let Access { store, policy, clock, .. } = &*self.access;
        let policy = policy.current();
        let read = read_accounts(store, &policy, &holder.user, &holder.others).await;
        let Ok(accounts) = read else { return Ok(()) };
        for account in accounts.all() {
            check_not_revoked(holder.token, account).map_err(|_| Close::Revoked)?;
        }
        let now = clock.now();
        let mut changes = accounts.all().filter_map(|account| account.changed_at);
        if !changes.any(|at| may_be_missed(at, holder.opened_at, now)) {
            return Ok(());
        }
        let snapshot = frame::snapshot(&Session::of(&accounts, &policy, now));
        if let Err(error) = self.sockets.push(socket, &snapshot).await {
            tracing::warn!(?socket, %error, "push failed");
        }
        Ok(())
    }

    /// Closes a socket. A gateway sends a close code of its own, so a frame says why before that.
    async fn close(&self, socket: &C::Id, reason: Close) {
        if let Err(error) = self.sockets.push(socket, &reason.frame()).await {
            tracing::debug!(?socket, %error, "push failed");
        }
        let reason = reason.reason();
        if let Err(error) = self.sockets.close(socket).await {
            tracing::warn!(?socket, %error, reason, "could not close socket");
        }
        count_closed(reason);
    }
}

/// Whether a socket may have missed the notice of a change, and no earlier ping made up for it.
fn may_be_missed(changed_at: Timestamp, opened_at: Timestamp, now: Timestamp) -> bool {
    // A change is made when it is decided; the commit may be later, and another host's clock ahead.
    changed_at.plus_secs(COMMIT_SECS_MAX) >= opened_at && now <= changed_at.plus_secs(CATCH_UP_SECS)
}

fn count_closed(reason: &'static str) {
    metrics::counter!("tierlift_sockets_closed_total", "reason" => reason).increment(1);
}

#[cfg(test)]
#[path = "gateway_tests.rs"]
mod tests;
