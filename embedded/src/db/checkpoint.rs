//! Copies the write-ahead log into the file, beside the thread that writes, so that a commit need
//! not wait for it.
//!
//! SQLite would do this at the end of a commit once the log is long, and that commit's webhooks
//! would wait some milliseconds. A passive checkpoint on a connection of its own waits for nobody
//! and nobody waits for it. It cannot shorten the log while somebody writes; where nobody ever
//! pauses, the writer's own checkpoint does, and finds little left to copy.

use std::{
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
};

use rusqlite::Connection;

use super::OpenError;

/// Committed jobs after which the log is copied: a webhook takes three, a job about two pages.
const EVERY_JOBS: usize = 1_500;

/// Tells the copying thread when there is something to copy. Dropped, it ends the thread.
pub(super) struct Checkpoints {
    wake: SyncSender<()>,
    jobs: usize,
}

impl Checkpoints {
    pub(super) fn start(path: &Path) -> Result<Self, OpenError> {
        let shown = || path.display().to_string();
        let connection =
            Connection::open(path).map_err(|source| OpenError::Sql { path: shown(), source })?;
        let (wake, woken) = sync_channel(1);
        std::thread::Builder::new()
            .name("tierlift-log".to_owned())
            .spawn(move || run(&connection, &woken))
            .map_err(|source| OpenError::Io { path: shown(), source })?;
        Ok(Self { wake, jobs: 0 })
    }

    /// So many jobs were committed.
    pub(super) fn committed(&mut self, jobs: usize) {
        self.jobs += jobs;
        if self.jobs >= EVERY_JOBS {
            self.jobs = 0;
            // Full means that it is told already.
            let _ = self.wake.try_send(());
        }
    }
}

fn run(connection: &Connection, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        if let Err(error) = connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)") {
            tracing::debug!(%error, "the log was not copied; the writer will");
        }
    }
}
