//! Pushes a change to a live socket once, even when its batch is retried.
//!
//! Lambda retries a whole batch of the stream when one record failed or the function was stopped. The
//! process remembers its recent pushes, within a limit. A new process may push again, and the client
//! ignores a change that it has already seen.

use std::{
    collections::{HashSet, VecDeque},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sha2::{Digest, Sha256};
use tierlift_core::{
    change::Change,
    id::UserId,
    limits::{PUSH_REMEMBERED_SECS, PUSHES_REMEMBERED_MAX},
    ports::{Pushed, Sockets, SocketsError},
    time::{Clock, Timestamp},
};

/// A socket and the digest of a frame that was pushed to it.
type Push<Id> = (Id, [u8; 32]);

/// Recent pushes.
#[derive(Debug)]
struct RecentPushes<Id> {
    set: HashSet<Push<Id>>,
    /// The same, oldest first, each with its time.
    queue: VecDeque<(Timestamp, Push<Id>)>,
}

/// Sockets to which the same frame is pushed once.
#[derive(Debug)]
pub struct DedupedSockets<S: Sockets> {
    sockets: S,
    clock: Clock,
    recent: Mutex<RecentPushes<S::Id>>,
}

impl<S: Sockets<Id: Eq + Hash>> DedupedSockets<S> {
    /// Wraps sockets.
    #[must_use]
    pub fn new(sockets: S, clock: Clock) -> Self {
        let recent = RecentPushes { set: HashSet::new(), queue: VecDeque::new() };
        Self { sockets, clock, recent: Mutex::new(recent) }
    }

    /// Pushes a text, unless it was pushed recently.
    async fn once(
        &self,
        socket: &S::Id,
        text: &str,
        push: impl Future<Output = Result<Pushed, SocketsError>> + Send,
    ) -> Result<Pushed, SocketsError> {
        let key = (socket.clone(), Sha256::digest(text).into());
        if self.recent().set.contains(&key) {
            return Ok(Pushed::Sent);
        }
        let pushed = push.await?;
        if pushed == Pushed::Sent {
            self.recent().remember(key, self.clock.now());
        }
        Ok(pushed)
    }

    /// The recent pushes, without those that are too old.
    fn recent(&self) -> MutexGuard<'_, RecentPushes<S::Id>> {
        // Nothing panics while the lock is held.
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let horizon = self.clock.now().plus_secs(-PUSH_REMEMBERED_SECS);
        while recent.queue.front().is_some_and(|(at, _)| *at <= horizon) {
            recent.forget_oldest();
        }
        recent
    }
}

impl<Id: Clone + Eq + Hash> RecentPushes<Id> {
    fn remember(&mut self, push: Push<Id>, now: Timestamp) {
        if self.set.insert(push.clone()) {
            self.queue.push_back((now, push));
        }
        if self.queue.len() > PUSHES_REMEMBERED_MAX {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, push)) = self.queue.pop_front() {
            self.set.remove(&push);
        }
    }
}

impl<S: Sockets<Id: Eq + Hash>> Sockets for DedupedSockets<S> {
    type Id = S::Id;

    async fn for_user(&self, user: &UserId) -> Result<Vec<S::Id>, SocketsError> {
        self.sockets.for_user(user).await
    }

    async fn push(&self, socket: &S::Id, text: &str) -> Result<Pushed, SocketsError> {
        self.once(socket, text, self.sockets.push(socket, text)).await
    }

    async fn push_change(
        &self,
        socket: &S::Id,
        change: &Arc<Change>,
        text: &str,
    ) -> Result<Pushed, SocketsError> {
        self.once(socket, text, self.sockets.push_change(socket, change, text)).await
    }

    async fn revoke(
        &self,
        socket: &S::Id,
        revoked_before: Timestamp,
    ) -> Result<bool, SocketsError> {
        self.sockets.revoke(socket, revoked_before).await
    }

    async fn forget(&self, socket: &S::Id) -> Result<(), SocketsError> {
        self.sockets.forget(socket).await
    }
}

#[cfg(test)]
#[path = "deduped_tests.rs"]
mod tests;
