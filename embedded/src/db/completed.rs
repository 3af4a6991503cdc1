//! The rows of messages that are done with. They leave the file with the next transaction, so that a message
//! costs no transaction, and no fsync, of its own for being deleted. If no transaction comes, one is made for them
//! after a moment. If a crash loses the deletion, the messages are redelivered and the ledger knows them.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use tierlift_core::limits::RETRY_DELAY_MS_MIN;

use super::{error::Error, message_rows::remove};

/// How long a row is kept while no transaction comes.
const KEPT: Duration = Duration::from_millis(10);

/// Rows to delete, and when at the latest.
#[derive(Debug, Default)]
pub(super) struct Completed {
    rows: Vec<i64>,
    due_at: Option<Instant>,
}

impl Completed {
    /// Adds a row.
    pub(super) fn push(&mut self, seq: i64) {
        self.rows.push(seq);
        self.due_at.get_or_insert_with(|| Instant::now() + KEPT);
    }

    /// When a transaction is made for the rows; `None` if there are none.
    pub(super) const fn due_at(&self) -> Option<Instant> {
        self.due_at
    }

    /// Deletes the rows in the open transaction. A row on a damaged page stays: it must hold up nobody.
    pub(super) fn delete(&self, connection: &Connection) -> Result<(), Error> {
        for &seq in &self.rows {
            match remove(connection, seq) {
                Err(error) if error.concerns_every_job() => return Err(error),
                Err(error) => tracing::error!(seq, %error, "message is done with, and not deleted"),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// The transaction was committed.
    pub(super) fn committed(&mut self) {
        self.rows.clear();
        self.due_at = None;
    }

    /// The transaction failed: the rows wait for another.
    pub(super) fn postpone(&mut self) {
        let later = Instant::now() + Duration::from_millis(RETRY_DELAY_MS_MIN);
        self.due_at = self.due_at.map(|_| later);
    }
}
