//! Webhooks to the host as rows: taken from the log of changes in its order, deleted when the host has accepted
//! them, and kept as dead ones when it did not for too long.
//!
//! A user for whom some wait has a row of their own, with the time of the next try: only the earliest webhook of
//! a user is ever sent.

use rusqlite::{Connection, Error::ToSqlConversionFailure, OptionalExtension as _, Row};
use tierlift_core::{
    change::Change,
    id::UserId,
    limits::{DEAD_WEBHOOK_KEPT_DAYS, WEBHOOKS_PENDING_MAX, WEBHOOKS_TAKEN_MAX},
    ports::{Cursor, LoggedChange},
    time::Timestamp,
};

use super::{
    change_rows::{changes_within, latest},
    error::{Error, corrupt},
    message_rows::limit,
    webhook::{Dead, Failed, Pending, Taken, Waiting},
};

/// Up to where the log was taken; `None` before it ever was.
fn place(connection: &Connection) -> Result<Option<Cursor>, Error> {
    let mut select = connection.prepare_cached("SELECT cursor FROM webhook_place")?;
    let text: Option<String> = select.query_row((), |row| row.get(0)).optional()?;
    text.map(|text| text.parse().map_err(corrupt)).transpose()
}

/// The position up to which the log was taken; `None` before it ever was.
pub(super) fn taken(connection: &Connection) -> Result<Option<u64>, Error> {
    Ok(place(connection)?.map(|cursor| cursor.position))
}

fn set_place(connection: &Connection, cursor: Cursor) -> Result<(), Error> {
    let write = "INSERT OR REPLACE INTO webhook_place (id, cursor) VALUES (1, ?1)";
    connection.prepare_cached(write)?.execute((cursor.to_string(),))?;
    Ok(())
}

/// Takes what the log has next, while there is room. The first time there is nothing to take: what came before
/// was never asked for.
pub(super) fn take(connection: &Connection, now: Timestamp) -> Result<Taken, Error> {
    let Some(place) = place(connection)? else {
        let end = latest(connection)?;
        set_place(connection, end)?;
        return Ok(Taken { place: end.position, count: 0, is_full: false, has_gap: false });
    };
    let mut taken = Taken { place: place.position, count: 0, is_full: false, has_gap: false };
    if pending_at_least(connection, WEBHOOKS_PENDING_MAX)? {
        return Ok(Taken { is_full: true, ..taken });
    }
    let known = changes_within(connection, Some(place), WEBHOOKS_TAKEN_MAX)?;
    taken.has_gap = known.is_none();
    let changes = match known {
        Some(changes) => changes,
        None => changes_within(connection, None, WEBHOOKS_TAKEN_MAX)?.unwrap_or_default(),
    };
    for logged in &changes {
        insert(connection, logged, now)?;
    }
    if let Some(last) = changes.last() {
        set_place(connection, last.cursor)?;
        taken.place = last.cursor.position;
    }
    Ok(Taken { count: changes.len(), ..taken })
}

fn pending_at_least(connection: &Connection, count: usize) -> Result<bool, Error> {
    let select = "SELECT 1 FROM webhooks ORDER BY position LIMIT 1 OFFSET ?1";
    let offset = limit(count.saturating_sub(1));
    Ok(connection.prepare_cached(select)?.exists((offset,))?)
}

fn insert(connection: &Connection, logged: &LoggedChange, now: Timestamp) -> Result<(), Error> {
    let LoggedChange { cursor, change } = logged;
    let text = serde_json::to_string(change);
    let text = text.map_err(|error| ToSqlConversionFailure(Box::new(error)))?;
    let position = i64::try_from(cursor.position).map_err(corrupt)?;
    let (user, now) = (change.user.as_str(), now.as_micros());
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO webhooks (position, id, user, taken_at, change)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((position, format!("msg_{cursor}"), user, now, text))?;
    make_due(connection, user, now)
}

fn make_due(connection: &Connection, user: &str, now: i64) -> Result<(), Error> {
    connection
        .prepare_cached(
            "INSERT INTO webhook_users (user, next_at, attempts) VALUES (?1, ?2, 0)
             ON CONFLICT (user) DO NOTHING",
        )?
        .execute((user, now))?;
    Ok(())
}

/// The users whose next webhook is due, who waits longest first.
pub(super) fn due(
    connection: &Connection,
    now: Timestamp,
    max: usize,
) -> Result<Vec<UserId>, Error> {
    let mut select = connection.prepare_cached(
        "SELECT user FROM webhook_users WHERE next_at <= ?1 ORDER BY next_at, user LIMIT ?2",
    )?;
    let mut rows = select.query((now.as_micros(), limit(max)))?;
    let mut users = Vec::new();
    while let Some(row) = rows.next()? {
        users.push(UserId::new(row.get_ref(0)?.as_str().map_err(corrupt)?).map_err(corrupt)?);
    }
    Ok(users)
}

/// The next webhooks of a user, in order, and how often the first of them was tried.
pub(super) fn pending(
    connection: &Connection,
    user: &UserId,
    max: usize,
) -> Result<(u32, Vec<Pending>), Error> {
    let attempts = attempts(connection, user)?;
    let mut select = connection.prepare_cached(
        "SELECT position, id, taken_at, change FROM webhooks WHERE user = ?1
         ORDER BY position LIMIT ?2",
    )?;
    let mut rows = select.query((user.as_str(), limit(max)))?;
    let mut webhooks = Vec::new();
    while let Some(row) = rows.next()? {
        webhooks.push(Pending {
            position: position(row)?,
            id: row.get(1)?,
            taken_at: Timestamp::from_micros(row.get(2)?),
            change: change(row, 3)?,
        });
    }
    Ok((attempts, webhooks))
}

fn attempts(connection: &Connection, user: &UserId) -> Result<u32, Error> {
    let mut select =
        connection.prepare_cached("SELECT attempts FROM webhook_users WHERE user = ?1")?;
    let attempts: Option<i64> = select.query_row((user.as_str(),), |row| row.get(0)).optional()?;
    Ok(attempts.map_or(0, |attempts| u32::try_from(attempts).unwrap_or(u32::MAX)))
}

fn position(row: &Row<'_>) -> Result<u64, Error> {
    u64::try_from(row.get::<_, i64>(0)?).map_err(corrupt)
}

fn change(row: &Row<'_>, column: usize) -> Result<Change, Error> {
    serde_json::from_str(row.get_ref(column)?.as_str().map_err(corrupt)?).map_err(corrupt)
}

/// Settles what was sent for a user: deletes what the host accepted, and says when what it did not is tried again, or
/// that it is dead.
pub(super) fn settle(
    connection: &Connection,
    user: &UserId,
    accepted: &[u64],
    failed: Option<&Failed>,
    now: Timestamp,
) -> Result<(), Error> {
    for position in accepted {
        delete(connection, *position)?;
    }
    let (next_at, attempts, error) = match failed {
        None => (now, 0, None),
        Some(failed) if failed.is_dead => {
            bury(connection, failed, now)?;
            (now, 0, None)
        }
        Some(failed) => (failed.next_at, failed.attempts, Some(failed.error.as_str())),
    };
    connection
        .prepare_cached(
            "UPDATE webhook_users SET next_at = ?2, attempts = ?3, error = ?4 WHERE user = ?1",
        )?
        .execute((user.as_str(), next_at.as_micros(), attempts, error))?;
    connection
        .prepare_cached(
            "DELETE FROM webhook_users WHERE user = ?1
                 AND NOT EXISTS (SELECT 1 FROM webhooks WHERE user = ?1)",
        )?
        .execute((user.as_str(),))?;
    Ok(())
}

fn delete(connection: &Connection, position: u64) -> Result<(), Error> {
    let position = i64::try_from(position).map_err(corrupt)?;
    connection.prepare_cached("DELETE FROM webhooks WHERE position = ?1")?.execute((position,))?;
    Ok(())
}

fn bury(connection: &Connection, failed: &Failed, now: Timestamp) -> Result<(), Error> {
    let position = i64::try_from(failed.position).map_err(corrupt)?;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO dead_webhooks
                 (position, id, user, taken_at, change, failed_at, attempts, error)
             SELECT position, id, user, taken_at, change, ?2, ?3, ?4
             FROM webhooks WHERE position = ?1",
        )?
        .execute((position, now.as_micros(), failed.attempts, &failed.error))?;
    delete(connection, failed.position)
}

/// What waits, and what is dead.
pub(super) fn waiting(connection: &Connection) -> Result<Waiting, Error> {
    let count = |table: &str| -> rusqlite::Result<u64> {
        let select = format!("SELECT count(*) FROM {table}");
        let count: i64 = connection.prepare_cached(&select)?.query_row((), |row| row.get(0))?;
        Ok(count.unsigned_abs())
    };
    let oldest: Option<i64> =
        connection.query_row("SELECT min(taken_at) FROM webhooks", (), |row| row.get(0))?;
    let mut select = connection.prepare_cached(
        "SELECT error FROM webhook_users WHERE error IS NOT NULL ORDER BY attempts DESC LIMIT 1",
    )?;
    Ok(Waiting {
        pending: count("webhooks")?,
        users: count("webhook_users")?,
        oldest: oldest.map(Timestamp::from_micros),
        error: select.query_row((), |row| row.get(0)).optional()?,
        dead: count("dead_webhooks")?,
    })
}

/// A page of the dead ones behind a position, in order.
pub(super) fn dead(connection: &Connection, after: u64, max: usize) -> Result<Vec<Dead>, Error> {
    let mut select = connection.prepare_cached(
        "SELECT position, id, taken_at, change, failed_at, attempts, error FROM dead_webhooks
         WHERE position > ?1 ORDER BY position LIMIT ?2",
    )?;
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let mut rows = select.query((after, limit(max)))?;
    let mut dead = Vec::new();
    while let Some(row) = rows.next()? {
        dead.push(Dead {
            webhook: Pending {
                position: position(row)?,
                id: row.get(1)?,
                taken_at: Timestamp::from_micros(row.get(2)?),
                change: change(row, 3)?,
            },
            failed_at: Timestamp::from_micros(row.get(4)?),
            attempts: u32::try_from(row.get::<_, i64>(5)?).unwrap_or(u32::MAX),
            error: row.get(6)?,
        });
    }
    Ok(dead)
}

/// Makes a dead webhook wait again, as if it had just been taken; returns false if there is none. Its user's
/// later ones wait behind it.
pub(super) fn redrive(connection: &Connection, id: &str, now: Timestamp) -> Result<bool, Error> {
    let mut revive = connection.prepare_cached(
        "INSERT OR REPLACE INTO webhooks (position, id, user, taken_at, change)
         SELECT position, id, user, ?2, change FROM dead_webhooks WHERE id = ?1 RETURNING user",
    )?;
    let user: Option<String> =
        revive.query_row((id, now.as_micros()), |row| row.get(0)).optional()?;
    let Some(user) = user else { return Ok(false) };
    make_due(connection, &user, now.as_micros())?;
    discard(connection, id)
}

/// Deletes a dead webhook; returns false if there is none.
pub(super) fn discard(connection: &Connection, id: &str) -> Result<bool, Error> {
    let delete = "DELETE FROM dead_webhooks WHERE id = ?1";
    Ok(connection.prepare_cached(delete)?.execute((id,))? == 1)
}

/// Deletes the dead ones of a user. What still waits is tried for some days at most.
pub(super) fn erase(connection: &Connection, user: &UserId) -> Result<(), Error> {
    let delete = "DELETE FROM dead_webhooks WHERE user = ?1";
    connection.prepare_cached(delete)?.execute((user.as_str(),))?;
    Ok(())
}

/// Deletes at most `max` dead ones that are kept no longer.
pub(super) fn prune(connection: &Connection, now: Timestamp, max: usize) -> Result<usize, Error> {
    let before = now.plus_days(-DEAD_WEBHOOK_KEPT_DAYS).as_micros();
    Ok(connection
        .prepare_cached(
            "DELETE FROM dead_webhooks WHERE position IN (
                 SELECT position FROM dead_webhooks WHERE failed_at <= ?1 LIMIT ?2)",
        )?
        .execute((before, limit(max)))?)
}
