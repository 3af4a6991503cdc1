//! Checkpoints on a thread of their own, so that no commit waits for one.
//!
//! SQLite by itself makes a checkpoint at the end of a commit once the log is long, and the webhooks of
//! that commit wait some milliseconds. A passive checkpoint on a separate connection waits for nobody,
//! and nobody waits for it. It cannot shorten the log while the writer is busy. Under constant load the
//! writer's own checkpoint does that, and finds little left to copy.

use std::{
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
};

use rusqlite::Connection;
use tierlift_core::limits::CHECKPOINT_INTERVAL_JOBS;

use super::error::OpenError;

/// Wakes the checkpoint thread after enough jobs. Dropping it ends the thread.
pub(super) struct Checkpoints {
    wake: SyncSender<()>,
    jobs: usize,
}

impl Checkpoints {
    pub(super) fn start(path: &Path) -> Result<Self, OpenError> {
        let path_text = || path.display().to_string();
        let connection = Connection::open(path)
            .map_err(|source| OpenError::Sql { path: path_text(), source })?;
        let (wake, woken) = sync_channel(1);
        std::thread::Builder::new()
            .name("tierlift-wal".to_owned())
            .spawn(move || run(&connection, &woken))
            .map_err(|source| OpenError::Io { path: path_text(), source })?;
        Ok(Self { wake, jobs: 0 })
    }

    /// Counts committed jobs, and starts a checkpoint when there are enough.
    pub(super) fn committed(&mut self, jobs: usize) {
        self.jobs += jobs;
        if self.jobs >= CHECKPOINT_INTERVAL_JOBS {
            self.jobs = 0;
            // If the channel is full, a checkpoint is pending already.
            let _ = self.wake.try_send(());
        }
    }
}

fn run(connection: &Connection, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        if let Err(error) = connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)") {
            tracing::debug!(%error, "checkpoint failed, left to the writer");
        }
    }
}
