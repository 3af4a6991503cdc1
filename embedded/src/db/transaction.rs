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
}

impl Transaction {
    /// Runs one more job, in a new transaction if it is the first.
    pub(super) fn run(
        &mut self,
        tables: &mut Tables,
        mut job: Box<dyn Write>,
    ) -> Result<(), Error> {
        let begun = if self.jobs.is_empty() { begin(tables) } else { Ok(()) };
        let ran = begun.and_then(|()| job.run(tables));
        self.jobs.push(job);
        ran
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
        match ran.and_then(|()| commit(tables)) {
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
        for mut job in self.jobs {
            let ran = match &common {
                Some(error) => Err(error.clone()),
                None => alone(tables, |tables| job.run(tables)),
            };
            match &ran {
                Ok(()) => {}
                Err(error) if error.concerns_every_job() => common = Some(error.clone()),
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
    let ran = begin(tables).and_then(|()| job(tables)).and_then(|()| commit(tables));
    if ran.is_err() {
        roll_back(tables);
    }
    ran
}

fn begin(tables: &Tables) -> Result<(), Error> {
    execute(tables, "BEGIN IMMEDIATE")
}

fn commit(tables: &mut Tables) -> Result<(), Error> {
    execute(tables, "COMMIT")?;
    tables.committed();
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
