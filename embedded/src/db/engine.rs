//! The writing thread: it gathers jobs, runs them in one transaction, commits once, and only then
//! replies. If SQLite fails, the whole transaction is rolled back and every job in it gets the error.
//!
//! It refuses to know what a job does.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

use tierlift_core::{
    limits::TRANSACTION_JOBS_MAX,
    time::{Clock, Timestamp},
};

use super::{
    checkpoint::Checkpoints,
    dispatch::{load_index, serve_waiting},
    error::Error,
    tables::Tables,
};

/// Sends a job's result, given whether its transaction was committed.
pub(super) type Reply = Box<dyn FnOnce(Result<(), Error>) + Send>;

type Write = Box<dyn FnOnce(&mut Tables) -> (Result<(), Error>, Reply) + Send>;
type Read = Box<dyn FnOnce(&mut Tables) + Send>;

/// Something to do on the thread.
pub(super) enum Job {
    /// Changes rows; replies after the commit. It returns an error if the transaction must be rolled
    /// back.
    Write(Write),
    /// Changes no rows; replies by itself, at once.
    Read(Read),
}

/// Runs jobs until the last sender is gone. The senders are connections and consumers, each with one
/// job at a time, and so they bound the channel.
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
        serve_waiting(&mut tables, clock.now());
    }
    if let Err(error) = tables.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::debug!(%error, "final checkpoint failed; the next start reads the log");
    }
}

/// The time until a delayed message is due, if a receiver waits for it.
fn next_due(tables: &Tables, now: Timestamp) -> Option<Duration> {
    tables.index.next_due_for_waiters(now).map(|due| due.since(now).max(Duration::from_millis(1)))
}

/// One transaction: the first job, and all that arrived since. Returns how many of them wrote.
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
                    // No transaction could be opened. Dropping the job tells its sender so.
                    drop(write);
                }
            }
        }
        count += 1;
        let has_room = count < TRANSACTION_JOBS_MAX && outcome.is_ok();
        next = if has_room { jobs.try_recv().ok() } else { None };
    }
    if replies.is_empty() {
        if let Err(error) = &outcome {
            tracing::error!(%error, "transaction not started");
        }
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

/// After a lost transaction the index in memory is reloaded from what is durable.
fn roll_back(tables: &mut Tables, error: &Error, now: Timestamp) {
    tracing::error!(%error, "transaction rolled back; nothing in it was acknowledged");
    if !tables.connection.is_autocommit()
        && let Err(error) = execute(tables, "ROLLBACK")
    {
        tracing::error!(%error, "rollback failed");
    }
    tables.cache.clear();
    match load_index(&tables.connection) {
        Ok(index) => tables.index.replace(index, now),
        Err(error) => tracing::error!(%error, "queue index not reloaded"),
    }
}
