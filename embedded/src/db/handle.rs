//! The open data file as the rest of the process holds it: it hands jobs to the writing thread and
//! reads to the readers. What a job does is written beside its port.

use std::{
    fmt, io,
    path::Path,
    sync::{Arc, mpsc},
    thread::JoinHandle,
};

use rusqlite::Connection;
use tierlift_core::time::{Clock, Timestamp};
use tierlift_session::LastKnown;
use tokio::sync::{oneshot, watch};

use super::{
    accounts::Accounts,
    awaited::Awaited,
    change_rows,
    checkpoint::Checkpoints,
    dispatch::load_index,
    engine::{Engine, Job},
    erase,
    error::{Error, OpenError},
    file::DataFile,
    health::{FileHealth, Health},
    mark::{Mark, lacks_log},
    pause_row,
    reader::Readers,
    rows, schema,
    tables::Tables,
    transaction::Write,
};

/// The open file. Clones share it; it closes when the last one is dropped.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    /// The writing thread, until the file is closed.
    writer: Option<(mpsc::Sender<Job>, JoinHandle<()>)>,
    readers: Readers,
    health: Arc<Health>,
    clock: Clock,
    /// The position of the latest change that is committed.
    latest_position: watch::Sender<u64>,
    awaited: Awaited,
    accounts: Arc<Accounts>,
    /// Locked for as long as any clone lives, and closed after all connections.
    file: Arc<DataFile>,
}

impl Drop for Inner {
    /// Waits for the writing thread, which brings everything into the file and, as the last one that has it
    /// open, removes the log.
    fn drop(&mut self) {
        let Some((jobs, thread)) = self.writer.take() else { return };
        self.readers.close();
        drop(jobs);
        if thread.join().is_err() {
            tracing::error!("writing thread panicked");
        }
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Db")
    }
}

impl Db {
    /// Opens or creates the file, migrates its schema, and starts the writing thread. A file that lacks what
    /// was in its log is refused.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, OpenError> {
        Self::open_with(path, clock, false)
    }

    /// Like [`open`](Self::open), and goes on with a file that lacks what was in its log.
    pub fn open_accepting_data_loss(path: &Path, clock: Clock) -> Result<Self, OpenError> {
        Self::open_with(path, clock, true)
    }

    fn open_with(path: &Path, clock: Clock, accept_data_loss: bool) -> Result<Self, OpenError> {
        let mut file = DataFile::acquire(path)?;
        let path_text = || path.display().to_string();
        let io = |source| OpenError::Io { path: path_text(), source };
        if lacks_log(file.path()).map_err(io)? {
            let latest = schema::latest(file.path());
            if !accept_data_loss {
                return Err(OpenError::Incomplete { path: path_text(), latest });
            }
            tracing::warn!(?latest, "data file lacks what was in its log, and that is accepted");
        }
        let connection = schema::open(file.path(), accept_data_loss)?;
        let is_complete = is_complete(&file).map_err(io)?;
        let index = load_index(&connection)
            .map_err(|source| OpenError::Queue { path: path_text(), source })?;
        // The first read made it.
        file.remember_log();
        let file = Arc::new(file);
        let health = Arc::new(Health::new(clock.clone()));
        if !is_complete {
            health.set_incomplete();
        }
        let paused = pause_row::paused(&connection)
            .map_err(|source| OpenError::Queue { path: path_text(), source })?;
        let latest_position = change_rows::latest(&connection)
            .map_err(|source| OpenError::Queue { path: path_text(), source })?;
        let latest_position = watch::Sender::new(latest_position.position);
        let (file_of, health_of) = (Arc::clone(&file), Arc::clone(&health));
        let (accounts, latest) = (Arc::new(Accounts::default()), latest_position.clone());
        let accounts_of = Arc::clone(&accounts);
        let mut tables = Tables::new(connection, index, file_of, health_of, latest, accounts_of);
        tables.is_paused = paused.is_some();
        let readers = Readers::open(file.path())
            .map_err(|source| OpenError::Sql { path: path_text(), source })?;
        let (jobs, receiver) = mpsc::channel();
        let engine =
            Engine { tables, checkpoints: Checkpoints::start(&file)?, clock: clock.clone() };
        let thread = std::thread::Builder::new()
            .name("tierlift-db".to_owned())
            .spawn(move || engine.run(&receiver))
            .map_err(io)?;
        let writer = Some((jobs, thread));
        Ok(Self {
            inner: Arc::new(Inner {
                writer,
                readers,
                health,
                clock,
                latest_position,
                awaited: Awaited::default(),
                accounts,
                file,
            }),
        })
    }

    /// How the file is.
    #[must_use]
    pub fn file_health(&self) -> FileHealth {
        let Inner { health, file, .. } = &*self.inner;
        FileHealth {
            commits_fail: health.commits_fail(),
            moved: !file.is_in_place(),
            log_bytes: file.log_bytes(),
            is_complete: health.is_complete(),
            checkpoint_age: health.checkpoint_age(),
            disk_free_bytes: file.disk_free_bytes(),
            stalled: health.stalled(),
        }
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
        self.write(move |tables| {
            if erase::prune(&tables.connection, now)? > 0 {
                tables.deleted();
            }
            rows::prune(&tables.connection, now, max)
        })
        .await
    }

    /// Runs a job in the next transaction; returns its result when that is committed.
    pub(super) async fn write<R: Send + 'static>(
        &self,
        job: impl FnMut(&mut Tables) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        self.submit(job).await.map_err(|_| Error::Closed)?
    }

    /// Hands over a job for the next transaction, without waiting for the commit.
    ///
    /// A job that finds a corrupt row fails by itself: it has written nothing, and the jobs that share
    /// its transaction are committed. If SQLite fails it, its transaction is rolled back, and all of its jobs
    /// run again, each alone.
    pub(super) fn submit<R: Send + 'static>(
        &self,
        job: impl FnMut(&mut Tables) -> Result<R, Error> + Send + 'static,
    ) -> oneshot::Receiver<Result<R, Error>> {
        let (sender, receiver) = oneshot::channel();
        self.send_job(Job::Write(Box::new(WriteJob { job, result: Err(Error::Closed), sender })));
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
        if let Some((jobs, _)) = &self.inner.writer {
            let _ = jobs.send(job);
        }
    }

    pub(super) fn latest_position(&self) -> watch::Receiver<u64> {
        self.inner.latest_position.subscribe()
    }

    /// Ends the wait of everybody who waits for a change.
    pub(crate) fn end_waits(&self) {
        self.inner.latest_position.send_replace(u64::MAX);
    }

    /// Tells these what is committed from now on.
    pub(crate) fn tell_commits_to(&self, last_known: LastKnown) {
        self.inner.accounts.tell(last_known, self.inner.clock.clone());
    }

    /// The accounts in memory.
    pub(super) fn accounts(&self) -> &Accounts {
        &self.inner.accounts
    }

    /// Who waits for an event.
    pub(super) fn awaited(&self) -> &Awaited {
        &self.inner.awaited
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }
}

/// Whether a file that was just opened holds everything by itself.
fn is_complete(file: &DataFile) -> io::Result<bool> {
    let mark = file.head()?.as_ref().and_then(Mark::of_head);
    Ok(mark == Some(Mark::Complete) && file.log_bytes() == 0)
}

/// A job, its latest result, and who waits for it.
struct WriteJob<J, R> {
    job: J,
    result: Result<R, Error>,
    sender: oneshot::Sender<Result<R, Error>>,
}

impl<R: Send, J: FnMut(&mut Tables) -> Result<R, Error> + Send> Write for WriteJob<J, R> {
    fn run(&mut self, tables: &mut Tables) -> Result<(), Error> {
        self.result = (self.job)(tables);
        match &self.result {
            Err(error) if error.dooms_transaction() => Err(error.clone()),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn reply(self: Box<Self>, committed: Result<(), Error>) {
        // The caller may have gone; the job is done all the same.
        let _ = self.sender.send(committed.and(self.result));
    }
}
