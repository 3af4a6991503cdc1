//! One transaction for many jobs. What fails fails alone: if the transaction is lost to one job, all of its
//! jobs run again, each in a transaction of its own. Jobs that succeed together pay nothing for that.

use tierlift_core::time::Timestamp;

use super::{error::Error, tables::Tables};

/// A job that changes rows. It keeps what it needs, so that it can run again after its transaction was lost.
pub(super) trait Write: Send {
    /// Changes rows. An error means that the transaction must be rolled back.
    fn run(&mut self, tables: &mut Tables) -> Result<(), Error>;

    /// Sends the job's result, given whether its transaction was committed.
    fn reply(self: Box<Self>, committed: Result<(), Error>);
}

/// The jobs of the open transaction, in order.
#[derive(Default)]
pub(super) struct Transaction {
    jobs: Vec<Box<dyn Write>>,
    begun: Begun,
}

/// The rows that the connection had changed when a transaction began.
#[derive(Clone, Copy, Default)]
struct Begun(u64);

impl Transaction {
    /// Runs one more job, in a new transaction if it is the first.
    pub(super) fn run(&mut self, tables: &mut Tables, job: Box<dyn Write>) -> Result<(), Error> {
        let begun = if self.jobs.is_empty() { begin(tables) } else { Ok(self.begun) };
        self.jobs.push(job);
        self.begun = begun?;
        self.jobs.last_mut().map_or(Ok(()), |job| job.run(tables))
    }

    /// Commits, unless a job failed, and replies to every job. Returns how many there were, and the error
    /// that concerns every job, if there was one.
    pub(super) fn end(
        self,
        tables: &mut Tables,
        ran: Result<(), Error>,
        now: Timestamp,
    ) -> (usize, Result<(), Error>) {
        let count = self.jobs.len();
        if count == 0 {
            return (0, Ok(()));
        }
        match ran.and_then(|()| commit(tables, self.begun)) {
            Ok(()) => {
                for job in self.jobs {
                    job.reply(Ok(()));
                }
                (count, Ok(()))
            }
            Err(error) => {
                roll_back(tables);
                let isolated = self.isolate(tables, error);
                if let Err(error) = &isolated {
                    tracing::error!(%error, "transaction rolled back; nothing in it was acknowledged");
                    tables.index.pause(now);
                }
                (count, isolated)
            }
        }
    }

    /// Runs the jobs again after their transaction was lost, each in one of its own, until an error concerns
    /// all of them.
    fn isolate(self, tables: &mut Tables, lost: Error) -> Result<(), Error> {
        let mut common = Some(lost).filter(Error::concerns_every_job);
        tables.health.set_commits_fail(common.is_some());
        for mut job in self.jobs {
            let ran = match &common {
                Some(error) => Err(error.clone()),
                None => alone(tables, |tables| job.run(tables)),
            };
            match &ran {
                Ok(()) => {}
                Err(error) if error.concerns_every_job() => {
                    tables.health.set_commits_fail(true);
                    common = Some(error.clone());
                }
                Err(error) => tracing::error!(%error, "job failed and was rolled back alone"),
            }
            job.reply(ran);
        }
        common.map_or(Ok(()), Err)
    }
}

/// Runs a job in a transaction of its own.
pub(super) fn alone(
    tables: &mut Tables,
    mut job: impl FnMut(&mut Tables) -> Result<(), Error>,
) -> Result<(), Error> {
    let ran = begin(tables).and_then(|begun| {
        job(tables)?;
        commit(tables, begun)
    });
    if ran.is_err() {
        roll_back(tables);
    }
    ran
}

fn begin(tables: &Tables) -> Result<Begun, Error> {
    if !tables.file.is_in_place() {
        return Err(Error::Moved);
    }
    execute(tables, "BEGIN IMMEDIATE")?;
    Ok(Begun(tables.connection.total_changes()))
}

/// Commits. The first commit after the file was complete marks it incomplete, in the file as well once there is
/// a log.
fn commit(tables: &mut Tables, begun: Begun) -> Result<(), Error> {
    tables.completed.delete(&tables.connection)?;
    let has_changed = tables.connection.total_changes() != begun.0;
    let is_first = has_changed && tables.health.is_complete();
    let mark = is_first.then(|| tables.next_mark());
    if let Some(mark) = mark {
        mark.set(&tables.connection)?;
    }
    execute(tables, "COMMIT")?;
    tables.committed();
    if has_changed {
        tables.has_changed = true;
        tables.health.set_commits_fail(false);
    }
    if let Some(mark) = mark {
        tables.health.set_incomplete();
        if let Err(error) = mark.write(&tables.file) {
            tracing::warn!(%error, "data file not marked incomplete before its next checkpoint");
        }
    }
    Ok(())
}

fn roll_back(tables: &mut Tables) {
    if !tables.connection.is_autocommit()
        && let Err(error) = execute(tables, "ROLLBACK")
    {
        tracing::error!(%error, "rollback failed");
    }
    tables.lost();
}

fn execute(tables: &Tables, sql: &str) -> Result<(), Error> {
    tables.connection.prepare_cached(sql)?.execute(())?;
    Ok(())
}
