//! The thread that writes: it gathers jobs, runs them in one transaction, commits once, and only
//! then answers. A failed job rolls the whole transaction back, and all of its jobs are told.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

use rusqlite::Connection;
use tierlift_core::time::{Clock, Timestamp};

use super::{Error, cache::Cache, checkpoint::Checkpoints, index::Index, queue};

/// Jobs that share a transaction at most: bounds how long the first waits for the last.
const BATCH_MAX_JOBS: usize = 256;

/// What the thread owns: the file, the queue's index, and the rows it knows by heart.
pub(super) struct Tables {
    pub(super) connection: Connection,
    pub(super) index: Index,
    pub(super) cache: Cache,
}

impl Tables {
    pub(super) fn new(connection: Connection) -> Result<Self, Error> {
        let index = queue::load_index(&connection)?;
        Ok(Self { connection, index, cache: Cache::default() })
    }
}

/// Told after the commit, or that there was none.
pub(super) type Reply = Box<dyn FnOnce(Result<(), Error>) + Send>;

type Write = Box<dyn FnOnce(&mut Tables) -> (Result<(), Error>, Reply) + Send>;
type Read = Box<dyn FnOnce(&mut Tables) + Send>;

/// Something to do on the thread.
pub(super) enum Job {
    /// Changes rows; answered after the commit.
    Write(Write),
    /// Changes no rows; answers for itself, at once.
    Read(Read),
}

/// Runs jobs until the last sender is gone. Senders are as many as there are connections and pumps,
/// each with one job at a time, so the channel is bounded by them.
pub(super) fn run(
    mut tables: Tables,
    jobs: &Receiver<Job>,
    mut checkpoints: Checkpoints,
    clock: &Clock,
) {
    loop {
        let first = match next_due(&tables, clock.now()) {
            None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(wait) => jobs.recv_timeout(wait),
        };
        match first {
            Ok(first) => checkpoints.committed(batch(&mut tables, first, jobs, clock)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        queue::serve_waiting(&mut tables, clock.now());
    }
    if let Err(error) = tables.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::debug!(%error, "the log stays beside the file and is read at the next start");
    }
}

/// How long until a delayed message is due, where somebody waits for it.
fn next_due(tables: &Tables, now: Timestamp) -> Option<Duration> {
    tables.index.next_due_for_waiters(now).map(|due| due.since(now).max(Duration::from_millis(1)))
}

/// One transaction: the first job, and all that came in meanwhile. Says how many of them wrote.
fn batch(tables: &mut Tables, first: Job, jobs: &Receiver<Job>, clock: &Clock) -> usize {
    let mut replies: Vec<Reply> = Vec::new();
    let mut outcome = Ok(());
    let mut next = Some(first);
    let mut count = 0;
    while let Some(job) = next {
        match job {
            Job::Read(read) => read(tables),
            Job::Write(write) => {
                if replies.is_empty() && outcome.is_ok() {
                    outcome = execute(tables, "BEGIN IMMEDIATE");
                }
                if outcome.is_ok() {
                    let (ran, reply) = write(tables);
                    outcome = ran;
                    replies.push(reply);
                } else {
                    // Nothing more is run in a transaction that is lost; its sender is told so.
                    drop(write);
                }
            }
        }
        count += 1;
        next = if count < BATCH_MAX_JOBS && outcome.is_ok() { jobs.try_recv().ok() } else { None };
    }
    if replies.is_empty() {
        return 0;
    }
    let outcome = outcome.and_then(|()| execute(tables, "COMMIT"));
    if let Err(error) = &outcome {
        roll_back(tables, error, clock.now());
    }
    let wrote = replies.len();
    for reply in replies {
        reply(outcome.clone());
    }
    wrote
}

fn execute(tables: &Tables, sql: &str) -> Result<(), Error> {
    tables.connection.prepare_cached(sql)?.execute(())?;
    Ok(())
}

/// After a lost transaction the index in memory is read anew from what is durable.
fn roll_back(tables: &mut Tables, error: &Error, now: Timestamp) {
    tracing::error!(%error, "a transaction was rolled back; nothing of it was acknowledged");
    if !tables.connection.is_autocommit()
        && let Err(error) = execute(tables, "ROLLBACK")
    {
        tracing::error!(%error, "the roll-back failed");
    }
    tables.cache.clear();
    match queue::load_index(&tables.connection) {
        Ok(index) => tables.index.replace(index, now),
        Err(error) => tracing::error!(%error, "the queue cannot be read"),
    }
}
