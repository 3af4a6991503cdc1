//! A change is told to a live socket once, also where the batch that it came in is tried again.
//!
//! Lambda hands a batch of the stream over again, whole, when one record of it failed or the function
//! was ended. What this process has pushed it remembers for a while, within a limit; a new process
//! may tell twice, which a client takes for what it knows already.

use std::{
    collections::{HashSet, VecDeque},
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sha2::{Digest, Sha256};
use tierlift_core::{
    id::UserId,
    limits::{PUSH_REMEMBERED_SECS, PUSHES_REMEMBERED_MAX},
    ports::{Pushed, Sockets, SocketsError},
    time::{Clock, Timestamp},
};

/// A text to a socket.
type Push<Id> = (Id, [u8; 32]);

/// What was pushed lately, oldest first.
#[derive(Debug)]
struct Lately<Id> {
    known: HashSet<Push<Id>>,
    order: VecDeque<(Timestamp, Push<Id>)>,
}

/// Sockets to which the same text is pushed once.
#[derive(Debug)]
pub struct Once<S: Sockets> {
    sockets: S,
    clock: Clock,
    lately: Mutex<Lately<S::Id>>,
}

impl<S: Sockets<Id: Eq + Hash>> Once<S> {
    /// The same sockets, with a memory.
    #[must_use]
    pub fn new(sockets: S, clock: Clock) -> Self {
        let lately = Mutex::new(Lately { known: HashSet::new(), order: VecDeque::new() });
        Self { sockets, clock, lately }
    }

    /// What is remembered, without what is too old.
    fn lately(&self) -> MutexGuard<'_, Lately<S::Id>> {
        // Nothing panics while it is held.
        let mut lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = self.clock.now().plus_secs(-PUSH_REMEMBERED_SECS);
        while lately.order.front().is_some_and(|(at, _)| *at <= oldest) {
            lately.forget_oldest();
        }
        lately
    }
}

impl<Id: Clone + Eq + Hash> Lately<Id> {
    fn remember(&mut self, push: Push<Id>, now: Timestamp) {
        if self.known.insert(push.clone()) {
            self.order.push_back((now, push));
        }
        if self.order.len() > PUSHES_REMEMBERED_MAX {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, push)) = self.order.pop_front() {
            self.known.remove(&push);
        }
    }
}

impl<S: Sockets<Id: Eq + Hash>> Sockets for Once<S> {
    type Id = S::Id;

    async fn for_user(&self, user: &UserId) -> Result<Vec<S::Id>, SocketsError> {
        self.sockets.for_user(user).await
    }

    async fn push(&self, socket: &S::Id, text: &str) -> Result<Pushed, SocketsError> {
        let push = (socket.clone(), Sha256::digest(text).into());
        if self.lately().known.contains(&push) {
            return Ok(Pushed::Sent);
        }
        let pushed = self.sockets.push(socket, text).await?;
        if pushed == Pushed::Sent {
            self.lately().remember(push, self.clock.now());
        }
        Ok(pushed)
    }

    async fn forget(&self, socket: &S::Id) -> Result<(), SocketsError> {
        self.sockets.forget(socket).await
    }
}

#[cfg(test)]
#[path = "once_tests.rs"]
mod tests;
