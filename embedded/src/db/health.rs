//! How the data file is: what the writing thread last saw of it, for operators.

use std::{
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
    time::Duration,
};

use tierlift_core::time::{Clock, Timestamp};

/// How the data file is at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileHealth {
    /// Whether the latest transaction was lost to a failure that concerns everybody, such as a full disk.
    pub commits_fail: bool,
    /// Whether another file, or none, is where the data file was.
    pub moved: bool,
    /// Size of the log beside the file, in bytes.
    pub log_bytes: u64,
    /// Whether the file holds everything that was committed, so that a copy of it needs no log.
    pub is_complete: bool,
    /// Time for which it has not; zero while it does.
    pub checkpoint_age: Duration,
    /// What is left for this process on the file's disk, in bytes, if the system says so.
    pub disk_free_bytes: Option<u64>,
    /// Time for which nothing has left the queue although it is not empty.
    pub stalled: Duration,
}

/// What the writing thread reports, before it replies to anybody.
#[derive(Debug)]
pub(super) struct Health {
    clock: Clock,
    commits_fail: AtomicBool,
    /// In microseconds; 0 while the file is complete.
    incomplete_since: AtomicI64,
    /// When a message last left the queue, or came to an empty one, in microseconds; 0 while it is empty.
    moved_on_at: AtomicI64,
}

impl Health {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            commits_fail: AtomicBool::default(),
            incomplete_since: AtomicI64::default(),
            moved_on_at: AtomicI64::default(),
        }
    }

    /// A number that is most likely another one at each start.
    pub(super) fn any_number(&self) -> u16 {
        let micros = self.clock.now().as_micros();
        u16::try_from(micros.rem_euclid(i64::from(u16::MAX))).unwrap_or_default()
    }

    pub(super) fn commits_fail(&self) -> bool {
        self.commits_fail.load(Ordering::Relaxed)
    }

    pub(super) fn set_commits_fail(&self, fail: bool) {
        self.commits_fail.store(fail, Ordering::Relaxed);
    }

    pub(super) fn set_complete(&self) {
        self.incomplete_since.store(0, Ordering::Relaxed);
    }

    /// Notes that the file is incomplete, unless that is known.
    pub(super) fn set_incomplete(&self) {
        if self.incomplete_since.load(Ordering::Relaxed) == 0 {
            self.incomplete_since.store(self.clock.now().as_micros(), Ordering::Relaxed);
        }
    }

    /// Whether the file holds everything that was committed.
    pub(super) fn is_complete(&self) -> bool {
        self.incomplete_since.load(Ordering::Relaxed) == 0
    }

    pub(super) fn checkpoint_age(&self) -> Duration {
        self.since(&self.incomplete_since)
    }

    /// Notes that a message left the queue, or came to an empty one.
    pub(super) fn queue_moved_on(&self, is_empty: bool) {
        let at = if is_empty { 0 } else { self.clock.now().as_micros() };
        self.moved_on_at.store(at, Ordering::Relaxed);
    }

    pub(super) fn stalled(&self) -> Duration {
        self.since(&self.moved_on_at)
    }

    fn since(&self, micros: &AtomicI64) -> Duration {
        match micros.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since => self.clock.now().since(Timestamp::from_micros(since)),
        }
    }
}
