//! One SQLite file that is the queue, the store and the dead letters.
//!
//! One thread owns the writing connection (`engine`). Jobs reach it over a channel; whatever waits
//! there when it wakes shares one transaction and so one fsync, and every answer waits for that
//! commit. Reads of committed state go to connections of their own (`reader`). The file belongs to
//! one process at a time; a lock beside it makes sure.

mod cache;
mod checkpoint;
mod engine;
mod index;
mod lock;
mod queue;
mod reader;
mod rows;
mod schema;
mod store;

use std::{
    path::Path,
    sync::{Arc, mpsc},
};

use tierlift_core::{
    ports::{QueueError, StoreError},
    time::{Clock, Timestamp},
};
use tokio::sync::oneshot;

use checkpoint::Checkpoints;
use engine::{Job, Tables};
use reader::Readers;

/// Why the file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{path} is in use by another process; one process per file")]
    InUse {
        /// The data file.
        path: String,
    },
    /// A later program wrote it.
    #[error(
        "{path} has schema version {found}, this program knows up to {known}: it was written by a \
         newer tierlift; run that one, or restore a copy from before the update"
    )]
    Newer {
        /// The data file.
        path: String,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// It is some other program's database.
    #[error("{path} is a SQLite file, but not tierlift's; name another file with --data")]
    Foreign {
        /// The data file.
        path: String,
    },
    /// It cannot be created, read or locked.
    #[error("{path} cannot be opened: {source}")]
    Io {
        /// The data file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Its queue cannot be read.
    #[error("the queue in {path} cannot be read: {source}")]
    Queue {
        /// The data file.
        path: String,
        /// Why.
        source: Error,
    },
    /// SQLite refuses it.
    #[error("{path} cannot be opened: {source}")]
    Sql {
        /// The data file.
        path: String,
        /// Why.
        source: rusqlite::Error,
    },
}

/// Why a job on the file failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// SQLite could not do it; the whole transaction was rolled back.
    #[error("the database refused: {0}")]
    Sql(#[source] Arc<rusqlite::Error>),
    /// A stored row cannot be read.
    #[error("a stored row cannot be read: {0}")]
    Corrupt(String),
    /// The database was closed.
    #[error("the database is closed")]
    Closed,
}

/// A row that is not what was written.
fn corrupt(error: impl std::fmt::Display) -> Error {
    Error::Corrupt(error.to_string())
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(Arc::new(error))
    }
}

impl From<Error> for QueueError {
    fn from(error: Error) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match error {
            Error::Corrupt(row) => Self::Corrupt(row),
            Error::Sql(_) | Error::Closed => Self::Unavailable(Box::new(error)),
        }
    }
}

/// The open file. Clones share it; it closes when the last is dropped.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    jobs: mpsc::Sender<Job>,
    readers: Readers,
    clock: Clock,
    /// Held for as long as any clone lives.
    _lock: lock::Lock,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Db")
    }
}

impl Db {
    /// Opens or creates the file, brings its schema up to date, and starts its thread.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, OpenError> {
        let lock = lock::Lock::take(path)?;
        let connection = schema::open(path)?;
        let shown = path.display().to_string();
        let sql = |source| OpenError::Sql { path: shown.clone(), source };
        let tables = Tables::new(connection)
            .map_err(|source| OpenError::Queue { path: shown.clone(), source })?;
        let readers = Readers::open(path).map_err(sql)?;
        let checkpoints = Checkpoints::start(path)?;
        let (jobs, receiver) = mpsc::channel();
        let engine_clock = clock.clone();
        std::thread::Builder::new()
            .name("tierlift-db".to_owned())
            .spawn(move || engine::run(tables, &receiver, checkpoints, &engine_clock))
            .map_err(|source| OpenError::Io { path: shown.clone(), source })?;
        Ok(Self { inner: Arc::new(Inner { jobs, readers, clock, _lock: lock }) })
    }

    /// Makes the file one of live events or one of test events, for good; false where it already is
    /// of the other kind. What a test event earned must not count when a deployment goes live.
    pub async fn claim(&self, livemode: bool) -> Result<bool, Error> {
        self.write(move |tables| rows::claim(&tables.connection, livemode)).await
    }

    /// Returns when everything that was sent before is durable.
    pub async fn flush(&self) -> Result<(), Error> {
        self.write(|_| Ok(())).await
    }

    /// Forgets ledger rows whose time is over; says how many.
    pub async fn prune_ledger(&self, now: Timestamp, max: usize) -> Result<usize, Error> {
        self.write(move |tables| rows::prune_ledger(&tables.connection, now, max)).await
    }

    /// Runs a job in the next transaction; answers when that is committed.
    async fn write<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Tables) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        self.submit(job).await.map_err(|_| Error::Closed)?
    }

    /// Hands a job in at once, without waiting for the commit.
    fn submit<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Tables) -> Result<R, Error> + Send + 'static,
    ) -> oneshot::Receiver<Result<R, Error>> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Job::Write(Box::new(move |tables| {
            let result = job(tables);
            let failed = result.as_ref().err().cloned();
            let reply: engine::Reply = Box::new(move |committed| {
                // Whoever asked may have gone; what was asked for is done all the same.
                let _ = answer.send(committed.and(result));
            });
            (failed.map_or(Ok(()), Err), reply)
        }));
        self.send_job(job);
        answered
    }

    /// Runs a job between others and answers at once: for reads that may see what is about to be
    /// committed.
    async fn peek<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Tables) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        let (answer, answered) = oneshot::channel();
        self.send_job(Job::Read(Box::new(move |tables| {
            let _ = answer.send(job(tables));
        })));
        answered.await.map_err(|_| Error::Closed)?
    }

    /// Reads committed state without waiting for the writing thread.
    async fn read_committed<R: Send + 'static>(
        &self,
        read: impl FnOnce(&rusqlite::Connection) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        let db = self.clone();
        tokio::task::spawn_blocking(move || db.inner.readers.with(read))
            .await
            .map_err(|_| Error::Closed)?
    }

    fn send_job(&self, job: Job) {
        // The thread outlives every sender; if it is gone the answer's channel closes and says so.
        let _ = self.inner.jobs.send(job);
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }
}

#[cfg(test)]
mod tests;
