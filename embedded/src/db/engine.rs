//! The writing thread: it gathers jobs, runs them in one transaction, commits once, and only then
//! replies.
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
    dispatch::serve_waiting,
    tables::Tables,
    transaction::{Transaction, Write},
};

type Read = Box<dyn FnOnce(&mut Tables) + Send>;

/// Something to do on the thread.
pub(super) enum Job {
    /// Changes rows; replies after the commit.
    Write(Box<dyn Write>),
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
    let mut transaction = Transaction::default();
    let mut ran = Ok(());
    let mut next = Some(first);
    let mut count = 0;
    while let Some(job) = next {
        match job {
            Job::Read(read) => read(tables),
            Job::Write(write) => ran = transaction.run(tables, write),
        }
        count += 1;
        let has_room = count < TRANSACTION_JOBS_MAX && ran.is_ok();
        next = if has_room { jobs.try_recv().ok() } else { None };
    }
    transaction.end(tables, ran, clock.now()).0
}
