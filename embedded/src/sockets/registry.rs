//! Who holds which sockets: sharded by user, so that a push to one does not wait for another.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tierlift_core::{
    id::UserId,
    limits::{SOCKET_PINGS_MISSED_MAX, SOCKETS_MAX, SOCKETS_PER_USER_MAX},
    ports::{Pushed, Sockets, SocketsError},
};
use tierlift_notifier::Close;
use tokio::{
    sync::{Notify, watch},
    time::{MissedTickBehavior, interval},
};
use tokio_tungstenite::tungstenite::Message;

use super::outbox::Outbox;
use crate::stop::stopped;

/// How many locks users are spread over. Each is also one slice of a round of pings.
const SHARDS: u32 = 64;

/// One live socket.
pub(super) struct Socket {
    id: u64,
    pub(super) user: UserId,
    pub(super) outbox: Outbox,
    /// Pings since the client was last heard of.
    unanswered: AtomicU8,
}

type Shard = HashMap<UserId, Vec<Arc<Socket>>>;

/// All live sockets of this process. Clones share it.
#[derive(Clone, Default)]
pub struct Registry(Arc<Inner>);

struct Inner {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    next_id: AtomicU64,
    open: AtomicUsize,
    closing: AtomicBool,
    emptied: Notify,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            next_id: AtomicU64::default(),
            open: AtomicUsize::default(),
            closing: AtomicBool::default(),
            emptied: Notify::new(),
        }
    }
}

/// There are [`SOCKETS_MAX`] sockets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// A socket's place in the registry, for as long as its task lives.
pub(crate) struct Seat {
    registry: Registry,
    pub(super) socket: Arc<Socket>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.registry.remove(&self.socket);
        if self.registry.0.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.registry.0.emptied.notify_waiters();
        }
    }
}

/// Names one live socket.
#[derive(Clone)]
pub struct Handle(Arc<Socket>);

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "socket {}", self.0.id)
    }
}

impl Registry {
    /// How many sockets there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.open.load(Ordering::Acquire)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives a new socket its place; from now on it is told of its user's changes. Where the user
    /// has too many, the oldest goes.
    pub(crate) fn join(&self, user: UserId) -> Result<Seat, Full> {
        if self.0.open.fetch_add(1, Ordering::AcqRel) >= SOCKETS_MAX {
            self.0.open.fetch_sub(1, Ordering::AcqRel);
            return Err(Full);
        }
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let (outbox, unanswered) = (Outbox::default(), AtomicU8::default());
        let socket = Arc::new(Socket { id, user, outbox, unanswered });
        let seat = Seat { registry: self.clone(), socket: Arc::clone(&socket) };
        let mut shard = self.shard(&socket.user);
        // Looked at under the lock: a closing registry either sees this socket or is seen here.
        if self.0.closing.load(Ordering::Acquire) {
            socket.outbox.end(Close::GoingAway);
        }
        let sockets = shard.entry(socket.user.clone()).or_default();
        sockets.push(socket);
        if sockets.len() > SOCKETS_PER_USER_MAX {
            sockets.remove(0).outbox.end(Close::TooManySockets);
        }
        drop(shard);
        Ok(seat)
    }

    /// Closes every socket there is, and every one that still comes.
    pub(crate) fn close(&self) {
        self.0.closing.store(true, Ordering::Release);
        for shard in &self.0.shards {
            for socket in lock(shard).values().flatten() {
                socket.outbox.end(Close::GoingAway);
            }
        }
    }

    /// Waits until every socket is gone.
    pub(crate) async fn emptied(&self) {
        loop {
            let emptied = self.0.emptied.notified();
            if self.is_empty() {
                return;
            }
            emptied.await;
        }
    }

    /// Pings every socket once in each period, one shard after another, until `stop` is true; cuts
    /// those that do not answer.
    pub(crate) async fn keep_alive(self, period: Duration, mut stop: watch::Receiver<bool>) {
        let mut ticks = interval(period / SHARDS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for shard in self.0.shards.iter().cycle() {
            tokio::select! {
                () = stopped(&mut stop) => return,
                _ = ticks.tick() => {}
            }
            for socket in lock(shard).values().flatten() {
                socket.ping();
            }
        }
    }

    fn shard(&self, user: &UserId) -> MutexGuard<'_, Shard> {
        let count = self.0.shards.len();
        let place = usize::try_from(self.0.hasher.hash_one(user)).unwrap_or_default() % count;
        #[expect(clippy::indexing_slicing, reason = "a remainder is below its divisor")]
        lock(&self.0.shards[place])
    }

    fn remove(&self, socket: &Socket) {
        let mut shard = self.shard(&socket.user);
        let Some(sockets) = shard.get_mut(&socket.user) else { return };
        sockets.retain(|known| known.id != socket.id);
        if sockets.is_empty() {
            shard.remove(&socket.user);
        }
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // A map of sockets is whole between any two steps, so a panic elsewhere did not break it.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Socket {
    /// The client said something, if only that it is there.
    pub(super) fn heard(&self) {
        self.unanswered.store(0, Ordering::Relaxed);
    }

    fn ping(&self) {
        if self.unanswered.fetch_add(1, Ordering::Relaxed) > SOCKET_PINGS_MISSED_MAX {
            self.outbox.end(Close::Unresponsive);
        } else {
            // One that takes no ping is ending already.
            let _ = self.outbox.push(Message::Ping(bytes::Bytes::new()));
        }
    }
}

impl Sockets for Registry {
    type Id = Handle;

    async fn for_user(&self, user: &UserId) -> Result<Vec<Handle>, SocketsError> {
        let shard = self.shard(user);
        let handles = |known: &Vec<_>| known.iter().cloned().map(Handle).collect();
        Ok(shard.get(user).map(handles).unwrap_or_default())
    }

    async fn push(&self, socket: &Handle, text: &str) -> Result<Pushed, SocketsError> {
        Ok(socket.0.outbox.push(Message::text(text)))
    }

    async fn forget(&self, socket: &Handle) -> Result<(), SocketsError> {
        self.remove(&socket.0);
        Ok(())
    }
}
