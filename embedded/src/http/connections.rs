//! The open connections of the process: how many there are, what each of them waits for, and which are
//! ended when there is no room for more.
//!
//! ```text
//! waiting ──head──▶ receiving ──end of body──▶ answering ──response──▶ waiting
//!    └──────────────────┴──── shed: closed, or answered 503
//! ```
//!
//! Two things are limited: the connections, and the bytes of requests that are not answered, which anybody
//! may send before a signature or a token is checked. Beyond either limit those that were silent for the
//! longest time are shed, since who means it has just sent something. A connection that delivered a
//! genuine webhook is shed last, and one whose request is being answered never.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tierlift_core::limits::{ACCEPT_RETRY_DELAY_MS, SHED_LOGGED_INTERVAL_SECS};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Part of the limit that is made free at once, so that the search is not repeated for each newcomer.
const SHED_SHARE: usize = 64;
const RETRY_DELAY: Duration = Duration::from_millis(ACCEPT_RETRY_DELAY_MS);

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    /// It waits for the complete head of a request.
    Waiting,
    /// It receives the body of a request.
    Receiving,
    /// Its request is complete, and is being answered.
    Answering,
}

/// The limits of all connections together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Open connections.
    pub(crate) connections: u32,
    /// Bytes of requests that are not answered.
    pub(crate) inflight_bytes: usize,
}

/// All open connections. Clones share them.
#[derive(Clone)]
pub(crate) struct Connections(Arc<Inner>);

struct Inner {
    room: Room,
    slots: Arc<Semaphore>,
    open: Mutex<HashMap<u64, Arc<Link>>>,
    next_id: AtomicU64,
    inflight_bytes: AtomicUsize,
    /// Connections that were shed and are not closed yet.
    ending: AtomicUsize,
    started: Instant,
    logged: Mutex<Logged>,
}

#[derive(Default)]
struct Logged {
    at: Option<Instant>,
    shed_since: usize,
}

/// One connection, as those know it who carry its bytes and requests.
pub(super) struct Link {
    id: u64,
    connections: Connections,
    phase: AtomicU8,
    /// Whether it delivered a genuine webhook.
    trusted: AtomicBool,
    /// When something was last received or sent, in milliseconds since the start.
    active_ms: AtomicU64,
    inflight_bytes: AtomicUsize,
    /// Whether it is to end.
    shed: AtomicBool,
    /// Whether a request has to be answered before.
    owes_answer: AtomicBool,
    changed: Notify,
}

/// Keeps a connection in the list, and its slot taken.
pub(super) struct Guard {
    pub(super) link: Arc<Link>,
    _slot: OwnedSemaphorePermit,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Connections(inner) = &self.link.connections;
        inner.lock().remove(&self.link.id);
        self.link.forget_bytes();
        if self.link.shed.load(Ordering::Relaxed) {
            inner.ending.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Connections {
    pub(crate) fn new(room: Room) -> Self {
        Self(Arc::new(Inner {
            room,
            slots: Arc::new(Semaphore::new(room.connections as usize)),
            open: Mutex::default(),
            next_id: AtomicU64::default(),
            inflight_bytes: AtomicUsize::default(),
            ending: AtomicUsize::default(),
            started: Instant::now(),
            logged: Mutex::default(),
        }))
    }

    /// The number of open connections.
    pub(crate) fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Whether something panicked while the list was locked.
    #[cfg(test)]
    pub(super) fn is_poisoned(&self) -> bool {
        self.0.open.is_poisoned()
    }

    /// Bytes of requests that are not answered.
    pub(crate) fn inflight_bytes(&self) -> usize {
        self.0.inflight_bytes.load(Ordering::Relaxed)
    }

    /// Takes the slot of a new connection. If all are taken, the longest silent connections are shed.
    pub(super) async fn slot(&self) -> OwnedSemaphorePermit {
        loop {
            if self.0.slots.available_permits() == 0 && self.0.ending.load(Ordering::Relaxed) == 0 {
                self.shed_silent();
            }
            let free = Arc::clone(&self.0.slots).acquire_owned();
            // The semaphore is never closed. If all requests are being answered, there is soon another
            // connection to shed.
            if let Ok(Ok(slot)) = timeout(RETRY_DELAY, free).await {
                return slot;
            }
        }
    }

    /// Adds a connection.
    pub(super) fn add(&self, slot: OwnedSemaphorePermit) -> Guard {
        let link = Arc::new(Link {
            id: self.0.next_id.fetch_add(1, Ordering::Relaxed),
            connections: self.clone(),
            phase: AtomicU8::new(Phase::Waiting as u8),
            trusted: AtomicBool::default(),
            active_ms: AtomicU64::new(self.0.now_ms()),
            inflight_bytes: AtomicUsize::default(),
            shed: AtomicBool::default(),
            owes_answer: AtomicBool::default(),
            changed: Notify::new(),
        });
        self.0.lock().insert(link.id, Arc::clone(&link));
        Guard { link, _slot: slot }
    }

    /// Waits until there is no connection.
    pub(super) async fn wait_until_empty(&self) {
        let _ = self.0.slots.acquire_many(self.0.room.connections).await;
    }

    /// Sheds the connections that were silent for the longest time: there is no slot for another.
    pub(super) fn shed_silent(&self) {
        let count = (self.0.room.connections as usize / SHED_SHARE).max(1);
        let open = self.0.lock();
        let mut silent = ranked(&open);
        if silent.len() > count {
            silent.select_nth_unstable_by_key(count, |(rank, _)| *rank);
            silent.truncate(count);
        }
        for (_, link) in &silent {
            link.shed();
        }
        let count = silent.len();
        drop(open);
        self.report(count, "full");
    }

    /// Sheds requests in progress, those of the longest silent connections first: they fill the memory.
    fn shed_bytes(&self) {
        let Room { inflight_bytes: limit, .. } = self.0.room;
        let open = self.0.lock();
        let mut silent = ranked(&open);
        silent.retain(|(_, link)| link.inflight_bytes.load(Ordering::Relaxed) > 0);
        silent.sort_unstable_by_key(|(rank, _)| *rank);
        let mut count = 0;
        for (_, link) in silent {
            if self.inflight_bytes() <= limit - limit / SHED_SHARE {
                break;
            }
            link.shed();
            count += 1;
        }
        drop(open);
        self.report(count, "memory");
    }

    fn report(&self, count: usize, reason: &'static str) {
        if count == 0 {
            return;
        }
        let shed = count.try_into().unwrap_or(u64::MAX);
        metrics::counter!("tierlift_connections_shed_total", "reason" => reason).increment(shed);
        let mut logged = self.0.logged.lock().unwrap_or_else(PoisonError::into_inner);
        logged.shed_since += count;
        let interval = Duration::from_secs(SHED_LOGGED_INTERVAL_SECS);
        if logged.at.is_some_and(|at| at.elapsed() < interval) {
            return;
        }
        let shed = std::mem::take(&mut logged.shed_since);
        logged.at = Some(Instant::now());
        drop(logged);
        tracing::warn!(reason, shed, "no room for connections, the longest silent ones end");
    }
}

/// When a connection is shed: the smallest comes first.
type Rank = (bool, u64, u64);

/// The connections that may be shed. Each rank is read once, since other threads change it meanwhile, and
/// nothing can be sorted by what changes.
fn ranked(open: &HashMap<u64, Arc<Link>>) -> Vec<(Rank, &Link)> {
    let silent = open.values().filter(|link| link.may_be_shed());
    silent.map(|link| (link.rank(), &**link)).collect()
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Link>>> {
        // A map of connections is consistent between any two steps.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis().try_into().unwrap_or(u64::MAX)
    }
}

impl Link {
    /// Notes that bytes were received.
    pub(super) fn received(&self, bytes: usize) {
        self.touch();
        // What a connection receives before it has ended must not cost another one its place.
        if self.shed.load(Ordering::Acquire) {
            return;
        }
        let Connections(inner) = &self.connections;
        // In this order: another thread may forget the connection's bytes meanwhile, and takes from the sum
        // only what is in it.
        let all = inner.inflight_bytes.fetch_add(bytes, Ordering::Release) + bytes;
        self.inflight_bytes.fetch_add(bytes, Ordering::Release);
        if all > inner.room.inflight_bytes {
            self.connections.shed_bytes();
        }
    }

    /// Notes that something was received or sent.
    pub(super) fn touch(&self) {
        self.active_ms.store(self.connections.0.now_ms(), Ordering::Relaxed);
    }

    /// Notes that the head of a request is complete.
    pub(super) fn begin_request(&self) {
        self.set_phase(Phase::Receiving);
    }

    /// Notes that a request is complete.
    pub(super) fn end_request(&self) {
        self.set_phase(Phase::Answering);
    }

    /// Notes that the request is answered.
    pub(super) fn answered(&self) {
        self.forget_bytes();
        self.set_phase(Phase::Waiting);
    }

    /// Notes that it delivered a genuine webhook.
    pub(super) fn trust(&self) {
        self.trusted.store(true, Ordering::Relaxed);
    }

    /// Waits until the connection is to end.
    pub(super) async fn until_shed(&self) {
        let changed = self.changed.notified();
        if !self.shed.load(Ordering::Acquire) {
            changed.await;
        }
    }

    /// Whether it was shed in the middle of a request, which must be answered first.
    pub(super) fn owes_answer(&self) -> bool {
        self.owes_answer.load(Ordering::Acquire)
    }

    /// Tells the connection to end. The list is locked meanwhile, so it is still in it.
    fn shed(&self) {
        let is_receiving = self.phase.load(Ordering::Relaxed) == Phase::Receiving as u8;
        self.owes_answer.store(is_receiving, Ordering::Release);
        self.connections.0.ending.fetch_add(1, Ordering::Relaxed);
        self.shed.store(true, Ordering::Release);
        self.forget_bytes();
        self.changed.notify_waiters();
    }

    fn may_be_shed(&self) -> bool {
        let is_answering = self.phase.load(Ordering::Relaxed) == Phase::Answering as u8;
        !is_answering && !self.shed.load(Ordering::Relaxed)
    }

    fn rank(&self) -> Rank {
        let trusted = self.trusted.load(Ordering::Relaxed);
        (trusted, self.active_ms.load(Ordering::Relaxed), self.id)
    }

    fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    fn forget_bytes(&self) {
        let bytes = self.inflight_bytes.swap(0, Ordering::Acquire);
        self.connections.0.inflight_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
