//! Messages as rows: the columns that the queue and the dead letters share.

use rusqlite::{Connection, Error::ToSqlConversionFailure, Row};
use tierlift_core::{
    failure::{Failure, FailureRecord},
    id::EventId,
    ports::{Group, Message},
    stripe::event::Type,
    time::Timestamp,
};

use super::error::{Error, corrupt};

/// A message from the columns event, kind, `message_group`, `received_at`, trace, body.
pub(super) fn message(row: &Row<'_>) -> Result<Message, Error> {
    let event = row.get_ref(0)?.as_str().map_err(corrupt)?;
    let kind = row.get_ref(1)?.as_str().map_err(corrupt)?;
    Ok(Message {
        event: EventId::new(event).map_err(corrupt)?,
        kind: Type::parse(kind).ok_or_else(|| corrupt(format_args!("event type {kind}")))?,
        group: group(row, 2)?,
        received_at: Timestamp::from_micros(row.get(3)?),
        trace: row.get(4)?,
        body: row.get::<_, Vec<u8>>(5)?.into(),
    })
}

/// A message group from one column.
pub(super) fn group(row: &Row<'_>, column: usize) -> Result<Group, Error> {
    Ok(Group(row.get_ref(column)?.as_str().map_err(corrupt)?.into()))
}

/// A `LIMIT` as SQLite takes it.
pub(super) fn limit(max: usize) -> i64 {
    i64::try_from(max).unwrap_or(i64::MAX)
}

/// Deletes a message from the queue.
pub(super) fn remove(connection: &Connection, seq: i64) -> Result<(), Error> {
    connection.prepare_cached("DELETE FROM queue WHERE seq = ?1")?.execute((seq,))?;
    Ok(())
}

/// The failure record of a queued message after one more failure, as JSON. A record that cannot be read, such
/// as one with a cause of a later version, is replaced: it must not keep its message from being settled.
pub(super) fn failure_after(
    connection: &Connection,
    seq: i64,
    failure: &Failure,
    now: Timestamp,
) -> Result<String, Error> {
    let known: Option<String> = connection
        .prepare_cached("SELECT failure FROM queue WHERE seq = ?1")?
        .query_row((seq,), |row| row.get(0))?;
    let known: Option<FailureRecord> = known.and_then(|text| {
        serde_json::from_str(&text)
            .inspect_err(|error| tracing::error!(seq, %error, "failure record cannot be read"))
            .ok()
    });
    let record = FailureRecord::after(known.as_ref(), failure.clone(), now);
    serde_json::to_string(&record).map_err(|error| ToSqlConversionFailure(Box::new(error)).into())
}

/// Moves a row to the dead letters as it stands, whether or not its message can be read.
pub(super) fn park_row(
    connection: &Connection,
    seq: i64,
    failure: &Failure,
    now: Timestamp,
) -> Result<(), Error> {
    let failure = failure_after(connection, seq, failure, now)?;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO dead_letters
                 (event, kind, message_group, received_at, trace, failure, body)
             SELECT event, kind, message_group, received_at, trace, ?2, body FROM queue WHERE seq = ?1",
        )?
        .execute((seq, failure))?;
    remove(connection, seq)
}
