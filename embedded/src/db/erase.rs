//! What an erasure deletes or replaces. SQLite overwrites it: by default the bytes of a deleted row stay in the file
//! until their place is needed.

use rusqlite::{Connection, Error::ToSqlConversionFailure};
use tierlift_core::{
    decide::Commit,
    id::EventId,
    ledger::{Act, LedgerEntry},
    time::Timestamp,
};

use super::error::Error;

/// Runs a job whose deletions are overwritten
/// (<https://www.sqlite.org/pragma.html#pragma_secure_delete>).
fn overwriting<T>(
    connection: &Connection,
    job: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    overwrite(connection, true)?;
    let done = job();
    overwrite(connection, false)?;
    done
}

/// Whether what is deleted from now on is overwritten.
pub(super) fn overwrite(connection: &Connection, is_overwritten: bool) -> rusqlite::Result<()> {
    connection.pragma_update(None, "secure_delete", is_overwritten)
}

/// Deletes the dead letters of events, and what was discarded of them.
pub(super) fn messages(connection: &Connection, events: &[EventId]) -> Result<usize, Error> {
    overwriting(connection, || {
        let mut dead = connection.prepare_cached("DELETE FROM dead_letters WHERE event = ?1")?;
        let mut discarded = connection.prepare_cached("DELETE FROM discarded WHERE event = ?1")?;
        let mut erased = 0;
        for event in events {
            let deleted =
                dead.execute((event.as_str(),))? + discarded.execute((event.as_str(),))?;
            erased += usize::from(deleted > 0);
        }
        Ok(erased)
    })
}

/// Deletes the note on a group.
pub(super) fn note(connection: &Connection, group: &str) -> Result<(), Error> {
    overwriting(connection, || {
        connection.execute("DELETE FROM notes WHERE subject = ?1", (group,))?;
        Ok(())
    })
}

/// Replaces rows of the ledger, which keep their places in it.
pub(super) fn replace_rows(
    connection: &Connection,
    rows: &[(EventId, LedgerEntry)],
) -> Result<(), Error> {
    overwriting(connection, || {
        let mut update = connection.prepare_cached(
            "UPDATE ledger SET event = ?2, owners = ?3, reason = ?4 WHERE event = ?1",
        )?;
        for (event, row) in rows {
            let owners = serde_json::to_string(&row.owners)
                .map_err(|error| ToSqlConversionFailure(Box::new(error)))?;
            let reason = row.act.as_ref().map(Act::reason);
            update.execute((event.as_str(), row.event.as_str(), owners, reason))?;
        }
        Ok(())
    })
}

/// Says from when on what a commit left blank may be deleted.
pub(super) fn expire(connection: &Connection, commit: &Commit) -> Result<(), Error> {
    if let Some(customer) = &commit.customer
        && let Some(at) = commit.customer_expires_at(customer)
    {
        let set = "UPDATE customers SET expires_at = ?2 WHERE id = ?1";
        connection.execute(set, (customer.id.as_str(), at.as_micros()))?;
    }
    for account in &commit.accounts {
        if let Some(at) = commit.account_expires_at(account) {
            let set = "UPDATE accounts SET expires_at = ?2 WHERE user = ?1";
            connection.execute(set, (account.user.as_str(), at.as_micros()))?;
        }
    }
    Ok(())
}

/// Deletes what is left of users who were erased long enough ago. Returns how many rows it deleted.
pub(super) fn prune(connection: &Connection, now: Timestamp) -> Result<usize, Error> {
    overwriting(connection, || {
        let mut deleted = 0;
        for delete in [
            "DELETE FROM customers WHERE expires_at <= ?1",
            "DELETE FROM accounts WHERE expires_at <= ?1",
        ] {
            deleted += connection.prepare_cached(delete)?.execute((now.as_micros(),))?;
        }
        Ok(deleted)
    })
}
