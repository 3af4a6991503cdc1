//! The open data file as the rest of the process holds it: it hands jobs to the writing thread and
//! reads to the readers. What a job does is written beside its port.

use std::{
    fmt,
    path::Path,
    sync::{Arc, mpsc},
};

use rusqlite::Connection;
use tierlift_core::time::{Clock, Timestamp};
use tokio::sync::oneshot;

use super::{
    checkpoint::Checkpoints,
    dispatch::load_index,
    engine::{self, Job, Reply},
    error::{Error, OpenError},
    lock::Lock,
    reader::Readers,
    rows, schema,
    tables::Tables,
};

/// The open file. Clones share it; it closes when the last one is dropped.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    jobs: mpsc::Sender<Job>,
    readers: Readers,
    clock: Clock,
    /// Held for as long as any clone lives.
    _lock: Lock,
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Db")
    }
}

impl Db {
    /// Opens or creates the file, migrates its schema, and starts the writing thread.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, OpenError> {
        let lock = Lock::acquire(path)?;
        let connection = schema::open(path)?;
        let path_text = path.display().to_string();
        let index = load_index(&connection)
            .map_err(|source| OpenError::Queue { path: path_text.clone(), source })?;
        let tables = Tables::new(connection, index);
        let readers = Readers::open(path)
            .map_err(|source| OpenError::Sql { path: path_text.clone(), source })?;
        let checkpoints = Checkpoints::start(path)?;
        let (jobs, receiver) = mpsc::channel();
        let engine_clock = clock.clone();
        std::thread::Builder::new()
            .name("tierlift-db".to_owned())
            .spawn(move || engine::run(tables, &receiver, checkpoints, &engine_clock))
            .map_err(|source| OpenError::Io { path: path_text, source })?;
        Ok(Self { inner: Arc::new(Inner { jobs, readers, clock, _lock: lock }) })
    }

    /// Dedicates the file to live events or to test events, permanently. Returns false if it is
    /// already dedicated to the other kind: what a test event earned must not count when a deployment
    /// goes live.
    pub async fn claim(&self, livemode: bool) -> Result<bool, Error> {
        self.write(move |tables| rows::claim(&tables.connection, livemode)).await
    }

    /// Returns when everything that was submitted before is durable.
    pub async fn flush(&self) -> Result<(), Error> {
        self.write(|_| Ok(())).await
    }

    /// The time of the latest commit that the file remembers.
    pub async fn latest_commit_at(&self) -> Result<Option<Timestamp>, Error> {
        self.read_committed(rows::latest_commit_at).await
    }

    /// Deletes at most `max` expired rows of each table; returns how many it deleted of the most affected
    /// one.
    pub async fn prune(&self, now: Timestamp, max: usize) -> Result<usize, Error> {
        self.write(move |tables| rows::prune(&tables.connection, now, max)).await
    }

    /// Runs a job in the next transaction; returns its result when that is committed.
    pub(super) async fn write<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Tables) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        self.submit(job).await.map_err(|_| Error::Closed)?
    }

    /// Hands over a job for the next transaction, without waiting for the commit.
    ///
    /// A job that finds a corrupt row fails by itself: it has written nothing, and the jobs that share
    /// its transaction are committed.
    pub(super) fn submit<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Tables) -> Result<R, Error> + Send + 'static,
    ) -> oneshot::Receiver<Result<R, Error>> {
        let (sender, receiver) = oneshot::channel();
        self.send_job(Job::Write(Box::new(move |tables| {
            let result = job(tables);
            let doom = result.as_ref().err().filter(|error| error.dooms_transaction()).cloned();
            let reply: Reply = Box::new(move |committed| {
                // The caller may have gone; the job is done all the same.
                let _ = sender.send(committed.and(result));
            });
            (doom.map_or(Ok(()), Err), reply)
        })));
        receiver
    }

    /// Runs a read on the writing thread, between jobs: it also sees what is not committed yet.
    pub(super) async fn read_uncommitted<R: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Tables) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        let (sender, receiver) = oneshot::channel();
        self.send_job(Job::Read(Box::new(move |tables| {
            let _ = sender.send(read(tables));
        })));
        receiver.await.map_err(|_| Error::Closed)?
    }

    /// Reads committed state without waiting for the writing thread.
    pub(super) async fn read_committed<R: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        let db = self.clone();
        tokio::task::spawn_blocking(move || db.inner.readers.with(read))
            .await
            .map_err(|_| Error::Closed)?
    }

    pub(super) fn send_job(&self, job: Job) {
        // The thread outlives every sender. If it has panicked, the job's reply channel closes.
        let _ = self.inner.jobs.send(job);
    }

    pub(super) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }
}
