//! The writing thread: it gathers jobs, runs them in one transaction, commits once, and only then
//! replies. When there is nothing to do for a moment, it brings everything from the log into the file.
//!
//! It refuses to know what a job does.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use tierlift_core::{
    limits::TRANSACTION_JOBS_MAX,
    time::{Clock, Timestamp},
};

use super::{
    checkpoint::Checkpoints,
    dispatch::serve_waiting,
    mark::complete,
    tables::Tables,
    transaction::{Transaction, Write, alone},
};

type Read = Box<dyn FnOnce(&mut Tables) + Send>;

/// Something to do on the thread.
pub(super) enum Job {
    /// Changes rows; replies after the commit.
    Write(Box<dyn Write>),
    /// Changes no rows; replies by itself, at once.
    Read(Read),
}

/// What the thread works with.
pub(super) struct Engine {
    pub(super) tables: Tables,
    pub(super) checkpoints: Checkpoints,
    pub(super) clock: Clock,
}

impl Engine {
    /// Runs jobs until the last sender is gone. The senders are connections and consumers, each with one
    /// job at a time, and so they bound the channel.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        if !self.tables.health.is_complete() {
            self.checkpoints.committed(0);
        }
        loop {
            let first = match self.next_wake() {
                None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(wait) => jobs.recv_timeout(wait),
            };
            match first {
                Ok(first) => self.batch(first, jobs),
                Err(RecvTimeoutError::Timeout) => {
                    self.delete_completed(Instant::now());
                    self.when_quiet();
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
            serve_waiting(&mut self.tables, self.clock.now());
        }
        self.end();
    }

    /// The time until there is something to do even if no job comes.
    fn next_wake(&self) -> Option<Duration> {
        let planned = [self.checkpoints.quiet_at(), self.tables.completed.due_at()];
        let planned = planned.into_iter().flatten().min();
        let planned = planned.map(|at| at.duration_since(Instant::now()));
        let due = next_due(&self.tables, self.clock.now());
        planned.into_iter().chain(due).min()
    }

    /// One transaction: the first job, and all that arrived since.
    fn batch(&mut self, first: Job, jobs: &Receiver<Job>) {
        let tables = &mut self.tables;
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
        let (wrote, ended) = transaction.end(tables, ran, self.clock.now());
        if ended.is_err() || std::mem::take(&mut tables.has_changed) {
            self.checkpoints.committed(wrote);
        }
    }

    /// No transaction has come since messages were completed: one is made to delete their rows.
    fn delete_completed(&mut self, now: Instant) {
        if self.tables.completed.due_at().is_none_or(|at| at > now) {
            return;
        }
        if let Err(error) = alone(&mut self.tables, |_| Ok(())) {
            tracing::error!(%error, "messages that are done with not deleted, tried again later");
            self.tables.health.set_commits_fail(error.concerns_every_job());
            self.tables.completed.postpone();
        }
        if std::mem::take(&mut self.tables.has_changed) {
            self.checkpoints.committed(1);
        }
    }

    /// Nothing was committed for a moment: the file is made complete. After a transaction that was lost, one
    /// more shows whether they succeed again.
    fn when_quiet(&mut self) {
        if self.checkpoints.quiet_at().is_none_or(|at| at > Instant::now()) {
            return;
        }
        if self.tables.health.commits_fail() {
            let mark = self.tables.next_mark();
            let probe = alone(&mut self.tables, |tables| Ok(mark.set(&tables.connection)?));
            self.tables.health.set_commits_fail(probe.is_err());
            self.tables.health.set_incomplete();
        }
        let complete = !self.tables.health.commits_fail() && complete_unless_moved(&self.tables);
        self.checkpoints.copied(complete);
    }

    /// The last checkpoint, so that the file can be moved by itself.
    fn end(mut self) {
        if let Some(at) = self.tables.completed.due_at() {
            self.delete_completed(at);
        }
        self.checkpoints.finish();
        if !complete_unless_moved(&self.tables) {
            tracing::warn!("data file is incomplete without the log beside it");
            return;
        }
        drop(std::fs::remove_file(self.tables.file.note_path()));
        let connection = &self.tables.connection;
        if let Err(error) = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::debug!(%error, "final checkpoint failed; the next start reads the log");
        }
    }
}

fn complete_unless_moved(tables: &Tables) -> bool {
    if !tables.file.is_in_place() {
        return false;
    }
    let completed = complete(&tables.connection);
    let is_complete = completed.unwrap_or_else(|error| {
        tracing::warn!(%error, "log not copied into the data file, tried again in a moment");
        false
    });
    if is_complete {
        tables.health.set_complete();
    }
    is_complete
}

/// The time until a delayed message is due, if a receiver waits for it.
fn next_due(tables: &Tables, now: Timestamp) -> Option<Duration> {
    tables.index.next_due_for_waiters(now).map(|due| due.since(now).max(Duration::from_millis(1)))
}
