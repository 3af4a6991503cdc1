//! The live sockets of each user, sharded by user so that pushes to two users do not wait for each
//! other. It remembers nothing about a socket that is gone.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tierlift_core::{
    change::Change,
    id::UserId,
    limits::{SOCKET_PINGS_MISSED_MAX, SOCKETS_MAX, SOCKETS_PER_USER_MAX},
    ports::{Pushed, Sockets, SocketsError},
    time::{Clock, Timestamp},
    token::TokenTimes,
};
use tierlift_notifier::{Allowance, Close, frames::Sender};
use tokio::{
    sync::{Notify, watch},
    time::{MissedTickBehavior, interval},
};
use tokio_tungstenite::tungstenite::Message;

use super::outbox::Outbox;
use crate::stop::stopped;

/// Locks that users are spread over. A round of pings goes through them one after another.
const SHARDS: u32 = 64;

/// One live socket.
pub(super) struct Socket {
    id: u64,
    pub(super) user: UserId,
    /// The accounts beside the user's own that its token speaks for.
    pub(super) others: Box<[UserId]>,
    /// The times of the token that opened it.
    pub(super) token: TokenTimes,
    pub(super) outbox: Outbox,
    /// Pings since the last frame from the client.
    missed_pings: AtomicU8,
    /// Frames that the client may send.
    frames: Allowance,
    /// Frames that all sockets of the user may send.
    user_frames: Arc<Allowance>,
}

/// The sockets of some users, and those that follow some accounts beside their user's own.
#[derive(Default)]
struct Shard {
    users: HashMap<UserId, Vec<Arc<Socket>>>,
    /// An organisation may have as many sockets as there are.
    followers: HashMap<UserId, HashMap<u64, Arc<Socket>>>,
}

/// All live sockets of this process. Clones share them.
#[derive(Clone, Default)]
pub struct Registry(Arc<Inner>);

struct Inner {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    next_id: AtomicU64,
    open: AtomicUsize,
    closing: AtomicBool,
    last_closed: Notify,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            next_id: AtomicU64::default(),
            open: AtomicUsize::default(),
            closing: AtomicBool::default(),
            last_closed: Notify::new(),
        }
    }
}

/// The registry holds [`SOCKETS_MAX`] sockets already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// Keeps a socket registered for as long as its task lives.
pub(crate) struct SocketGuard {
    registry: Registry,
    pub(super) socket: Arc<Socket>,
}

impl Drop for SocketGuard {
    fn drop(&mut self) {
        self.registry.remove(&self.socket);
        if self.registry.0.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.registry.0.last_closed.notify_waiters();
        }
    }
}

/// A handle to one live socket.
#[derive(Clone)]
pub struct Handle(Arc<Socket>);

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "socket {}", self.0.id)
    }
}

impl Registry {
    /// The number of live sockets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.open.load(Ordering::Acquire)
    }

    /// Whether there is no live socket.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Registers a new socket, to which the changes of its user, and of the other accounts, are pushed from then
    /// on. If the user has too many sockets, the oldest one is closed.
    pub(crate) fn register(
        &self,
        user: UserId,
        others: Vec<UserId>,
        token: TokenTimes,
    ) -> Result<SocketGuard, Full> {
        if self.0.open.fetch_add(1, Ordering::AcqRel) >= SOCKETS_MAX {
            self.0.open.fetch_sub(1, Ordering::AcqRel);
            return Err(Full);
        }
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        let mut shard = self.shard(&user);
        let known = shard.users.get(&user).and_then(|sockets| sockets.first());
        let user_frames = known.map_or_else(
            || Arc::new(Allowance::of_user(now)),
            |socket| Arc::clone(&socket.user_frames),
        );
        let socket = Arc::new(Socket {
            id,
            user,
            others: others.into(),
            token,
            outbox: Outbox::default(),
            missed_pings: AtomicU8::default(),
            frames: Allowance::of_socket(now),
            user_frames,
        });
        let guard = SocketGuard { registry: self.clone(), socket: Arc::clone(&socket) };
        // Read under the lock: a closing registry either sees this socket or is seen here.
        if self.0.closing.load(Ordering::Acquire) {
            socket.outbox.end(Close::GoingAway);
        }
        let sockets = shard.users.entry(socket.user.clone()).or_default();
        sockets.push(Arc::clone(&socket));
        if sockets.len() > SOCKETS_PER_USER_MAX {
            sockets.remove(0).outbox.end(Close::TooManySockets);
        }
        drop(shard);
        for other in &socket.others {
            let mut shard = self.shard(other);
            shard.followers.entry(other.clone()).or_default().insert(id, Arc::clone(&socket));
        }
        Ok(guard)
    }

    /// Closes every socket, and every one that is registered later.
    pub(crate) fn close(&self) {
        self.0.closing.store(true, Ordering::Release);
        for shard in &self.0.shards {
            for socket in lock(shard).users.values().flatten() {
                socket.outbox.end(Close::GoingAway);
            }
        }
    }

    /// Waits until every socket is closed.
    pub(crate) async fn wait_until_empty(&self) {
        loop {
            let last_closed = self.0.last_closed.notified();
            if self.is_empty() {
                return;
            }
            last_closed.await;
        }
    }

    /// Pings every socket once in each period, one shard after another, until `stop` is true. Ends the
    /// sockets that do not respond, and those whose token has expired.
    pub(crate) async fn keep_alive(
        self,
        period: Duration,
        clock: Clock,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut ticks = interval(period / SHARDS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for shard in self.0.shards.iter().cycle() {
            tokio::select! {
                () = stopped(&mut stop) => return,
                _ = ticks.tick() => {}
            }
            let now = clock.now();
            for socket in lock(shard).users.values().flatten() {
                socket.ping(now);
            }
        }
    }

    fn shard(&self, user: &UserId) -> MutexGuard<'_, Shard> {
        let count = self.0.shards.len();
        let index = usize::try_from(self.0.hasher.hash_one(user)).unwrap_or_default() % count;
        #[expect(clippy::indexing_slicing, reason = "a remainder is below its divisor")]
        lock(&self.0.shards[index])
    }

    fn remove(&self, socket: &Socket) {
        let mut shard = self.shard(&socket.user);
        if let Some(sockets) = shard.users.get_mut(&socket.user) {
            sockets.retain(|known| known.id != socket.id);
            if sockets.is_empty() {
                shard.users.remove(&socket.user);
            }
        }
        drop(shard);
        for other in &socket.others {
            let mut shard = self.shard(other);
            let Some(followers) = shard.followers.get_mut(other) else { continue };
            followers.remove(&socket.id);
            if followers.is_empty() {
                shard.followers.remove(other);
            }
        }
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // A map of sockets is consistent between any two steps, so a panic elsewhere did not break it.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Socket {
    /// Whose frames these are.
    pub(super) fn sender(&self) -> Sender<'_> {
        Sender { user: &self.user, others: &self.others, token: self.token }
    }

    /// Notes that the client sent a frame, be it only a pong. Returns false if that is one too many.
    pub(super) fn take_frame(&self) -> bool {
        self.missed_pings.store(0, Ordering::Relaxed);
        let now = Instant::now();
        self.frames.take(now) && self.user_frames.take(now)
    }

    fn ping(&self, now: Timestamp) {
        if self.token.valid_until <= now {
            self.outbox.end(Close::TokenExpired);
        } else if self.missed_pings.fetch_add(1, Ordering::Relaxed) > SOCKET_PINGS_MISSED_MAX {
            self.outbox.end(Close::Unresponsive);
        } else {
            // A socket that accepts no ping is ending already.
            let _ = self.outbox.push(Message::Ping(bytes::Bytes::new()));
        }
    }
}

impl Sockets for Registry {
    type Id = Handle;

    async fn for_user(&self, user: &UserId) -> Result<Vec<Handle>, SocketsError> {
        let shard = self.shard(user);
        let own = shard.users.get(user).into_iter().flatten();
        let followers = shard.followers.get(user).into_iter().flat_map(HashMap::values);
        Ok(own.chain(followers).cloned().map(Handle).collect())
    }

    async fn push(&self, socket: &Handle, text: &str) -> Result<Pushed, SocketsError> {
        Ok(socket.0.outbox.push(Message::text(text)))
    }

    async fn push_change(
        &self,
        socket: &Handle,
        change: &Arc<Change>,
        text: &str,
    ) -> Result<Pushed, SocketsError> {
        if socket.0.others.is_empty() {
            return self.push(socket, text).await;
        }
        Ok(socket.0.outbox.push_change(Arc::clone(change)))
    }

    async fn revoke(
        &self,
        socket: &Handle,
        revoked_before: Timestamp,
    ) -> Result<bool, SocketsError> {
        let is_revoked = socket.0.token.is_revoked(revoked_before);
        if is_revoked {
            socket.0.outbox.end(Close::Revoked);
        }
        Ok(is_revoked)
    }

    async fn forget(&self, socket: &Handle) -> Result<(), SocketsError> {
        self.remove(&socket.0);
        Ok(())
    }
}
