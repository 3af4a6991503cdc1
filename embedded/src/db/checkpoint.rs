//! Checkpoints on a thread of their own, so that no commit waits for one.
//!
//! SQLite by itself makes a checkpoint at the end of a commit once the log is long, and the webhooks of
//! that commit wait some milliseconds. A passive checkpoint on a separate connection waits for nobody,
//! and nobody waits for it. It cannot shorten the log while the writer is busy. Under constant load the
//! writer's own checkpoint does that, and finds little left to copy.
//!
//! When nothing has been committed for a moment, the writing thread copies the rest itself, by
//! [`complete`](super::mark::complete).

use std::{
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tierlift_core::limits::{
    CHECKPOINT_INTERVAL_JOBS, CHECKPOINT_INTERVAL_SECS, CHECKPOINT_QUIET_SECS, WAL_KEPT_BYTES_MAX,
};

use super::{error::OpenError, file::DataFile, mark::checkpoint, schema::connect};

/// Says when a checkpoint is due, and has the thread make those that are due under load.
pub(super) struct Checkpoints {
    thread: Option<(SyncSender<()>, JoinHandle<()>)>,
    jobs: usize,
    last: Instant,
    /// When the writing thread should copy what is left; `None` while the file is complete.
    quiet_at: Option<Instant>,
}

impl Checkpoints {
    pub(super) fn start(file: &DataFile) -> Result<Self, OpenError> {
        let path_text = || file.path().display().to_string();
        let connection =
            connect(file.path()).map_err(|source| OpenError::Sql { path: path_text(), source })?;
        let (wake, woken) = sync_channel(1);
        let log_path = file.log_path().to_owned();
        let thread = std::thread::Builder::new()
            .name("tierlift-wal".to_owned())
            .spawn(move || run(&connection, &log_path, &woken))
            .map_err(|source| OpenError::Io { path: path_text(), source })?;
        let thread = Some((wake, thread));
        Ok(Self { thread, jobs: 0, last: Instant::now(), quiet_at: None })
    }

    /// Counts committed jobs, and starts a checkpoint when there are enough or the last one is long ago.
    pub(super) fn committed(&mut self, jobs: usize) {
        let now = Instant::now();
        let quiet = Duration::from_secs(CHECKPOINT_QUIET_SECS);
        if self.quiet_at.is_none() {
            self.last = now;
        }
        self.quiet_at = Some(now + quiet);
        self.jobs += jobs;
        let since = now.duration_since(self.last);
        // Not at once after the file was complete: whoever copies it then has that time to finish.
        let enough = self.jobs >= CHECKPOINT_INTERVAL_JOBS && since >= quiet;
        if enough || since >= Duration::from_secs(CHECKPOINT_INTERVAL_SECS) {
            (self.jobs, self.last) = (0, now);
            if let Some((wake, _)) = &self.thread {
                // If the channel is full, a checkpoint is pending already.
                let _ = wake.try_send(());
            }
        }
    }

    /// When the writing thread should copy what is left, if nothing is committed until then.
    pub(super) const fn quiet_at(&self) -> Option<Instant> {
        self.quiet_at
    }

    /// The writing thread has tried to copy what was left.
    pub(super) fn copied(&mut self, complete: bool) {
        let again = Instant::now() + Duration::from_secs(CHECKPOINT_QUIET_SECS);
        self.quiet_at = (!complete).then_some(again);
    }

    /// Ends the thread.
    pub(super) fn finish(mut self) {
        if let Some((wake, thread)) = self.thread.take() {
            drop(wake);
            if thread.join().is_err() {
                tracing::error!("checkpoint thread panicked");
            }
        }
    }
}

fn run(connection: &Connection, log_path: &Path, woken: &Receiver<()>) {
    let mut is_long = false;
    while woken.recv().is_ok() {
        if let Err(error) = checkpoint(connection) {
            tracing::debug!(%error, "checkpoint failed, left to the writer");
        }
        let bytes = std::fs::metadata(log_path).map_or(0, |log| log.len());
        let was_long = std::mem::replace(&mut is_long, bytes > WAL_BYTES_WARNED_AT);
        if is_long && !was_long {
            tracing::warn!(bytes, "log grows: somebody reads the data file for a long time");
        }
    }
}

/// The log is cut back to the first number; twice as much means that somebody keeps it from being so.
const WAL_BYTES_WARNED_AT: u64 = 2 * WAL_KEPT_BYTES_MAX.unsigned_abs();
