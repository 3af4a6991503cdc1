//! The log of changes. Positions count from 1 without a gap: one thread writes them, in the transaction of the
//! commit, and a transaction that is lost takes its positions back.

use rusqlite::{Connection, Error::ToSqlConversionFailure, OptionalExtension};
use tierlift_core::{
    change::Change,
    limits::CHANGES_KEPT_DAYS,
    ports::{Cursor, LoggedChange},
    time::Timestamp,
};

use super::{
    error::{Error, corrupt},
    message_rows::limit,
};

/// Appends changes; returns the position of the last one.
pub(super) fn append(
    connection: &Connection,
    changes: &[Change],
    now: Timestamp,
) -> Result<Option<u64>, Error> {
    let mut position = None;
    let expires_at = now.plus_days(CHANGES_KEPT_DAYS).as_micros();
    for change in changes {
        let text = serde_json::to_string(change);
        let text = text.map_err(|error| ToSqlConversionFailure(Box::new(error)))?;
        connection
            .prepare_cached("INSERT INTO changes (change, expires_at) VALUES (?1, ?2)")?
            .execute((text, expires_at))?;
        position = Some(u64::try_from(connection.last_insert_rowid()).map_err(corrupt)?);
    }
    Ok(position)
}

/// Deletes at most `max` expired changes. The latest one stays: it shows that a place behind it is the end.
pub(super) fn prune(connection: &Connection, now: Timestamp, max: usize) -> Result<usize, Error> {
    Ok(connection
        .prepare_cached(
            "DELETE FROM changes WHERE expires_at <= ?1
                 AND position IN (SELECT position FROM changes ORDER BY position LIMIT ?2)
                 AND position < (SELECT max(position) FROM changes)",
        )?
        .execute((now.as_micros(), limit(max)))?)
}

/// The place behind the latest change.
pub(super) fn latest(connection: &Connection) -> Result<Cursor, Error> {
    let select = "SELECT position, change FROM changes ORDER BY position DESC LIMIT 1";
    let mut statement = connection.prepare_cached(select)?;
    let row = statement.query_row((), |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((position, change)): Option<(i64, String)> = row else { return Ok(Cursor::default()) };
    Ok(Cursor::behind(u64::try_from(position).map_err(corrupt)?, &change))
}

/// Whether all that followed a place is kept.
fn is_kept(connection: &Connection, after: Cursor) -> Result<bool, Error> {
    if after == Cursor::default() {
        let mut oldest = connection.prepare_cached("SELECT min(position) FROM changes")?;
        let oldest: Option<i64> = oldest.query_row((), |row| row.get(0))?;
        return Ok(oldest.is_none_or(|oldest| oldest == 1));
    }
    let mut select = connection.prepare_cached("SELECT change FROM changes WHERE position = ?1")?;
    let Ok(position) = i64::try_from(after.position) else { return Ok(false) };
    let change: Option<String> = select.query_row((position,), |row| row.get(0)).optional()?;
    Ok(change.is_some_and(|change| Cursor::behind(after.position, &change) == after))
}

/// At most `max` changes after a place; `None` if not all that followed it are kept.
pub(super) fn changes_after(
    connection: &Connection,
    after: Option<Cursor>,
    max: usize,
) -> Result<Option<Vec<LoggedChange>>, Error> {
    // One moment for both reads, so that nothing is deleted in between.
    let snapshot = connection.unchecked_transaction()?;
    changes_within(&snapshot, after, max)
}

/// The same within an open transaction.
pub(super) fn changes_within(
    connection: &Connection,
    after: Option<Cursor>,
    max: usize,
) -> Result<Option<Vec<LoggedChange>>, Error> {
    if let Some(after) = after
        && !is_kept(connection, after)?
    {
        return Ok(None);
    }
    let mut select = connection.prepare_cached(
        "SELECT position, change FROM changes WHERE position > ?1 ORDER BY position LIMIT ?2",
    )?;
    let after = i64::try_from(after.unwrap_or_default().position).unwrap_or(i64::MAX);
    let mut rows = select.query((after, limit(max)))?;
    let mut changes = Vec::new();
    while let Some(row) = rows.next()? {
        let position: i64 = row.get(0)?;
        let text = row.get_ref(1)?.as_str().map_err(corrupt)?;
        let change = serde_json::from_str(text)
            .map_err(|error| corrupt(format_args!("change {position}: {error}")))?;
        let cursor = Cursor::behind(u64::try_from(position).map_err(corrupt)?, text);
        changes.push(LoggedChange { cursor, change });
    }
    Ok(Some(changes))
}
