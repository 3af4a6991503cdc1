//! Messages as rows: the columns that the queue and the dead letters share.

use rusqlite::Row;
use tierlift_core::{
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
