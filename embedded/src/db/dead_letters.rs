//! The dead letters: reads them, redrives them, and counts what is in both queues.
//!
//! A message gets here when the queue parks it.

use std::{collections::BTreeSet, sync::Arc};

use rusqlite::{Connection, OptionalExtension, Row};
use tierlift_core::{
    codes::Code,
    failure::{Failure, FailureRecord},
    id::EventId,
    ports::{DeadLetter, DeadLetters, Depth, QueueError},
    time::Timestamp,
};

use super::{
    error::{Error, corrupt},
    handle::Db,
    message_rows::{limit, message},
    queue::enqueue,
    tables::Tables,
};

fn redrive(tables: &mut Tables, event: &EventId) -> Result<Result<bool, QueueError>, Error> {
    let message = tables
        .connection
        .prepare_cached(
            "SELECT event, kind, message_group, received_at, trace, body, failure FROM dead_letters
             WHERE event = ?1",
        )?
        .query_row((event.as_str(),), |row| Ok(dead_letter(row)))
        .optional()?
        .transpose()?;
    let Some(DeadLetter { message, failure }) = message else { return Ok(Ok(false)) };
    let failure = serde_json::to_string(&failure.redriven())
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    // A resend of the same event may be in the queue already; it counts as this one.
    if let Err(full) = enqueue(tables, &Arc::new(message))? {
        return Ok(Err(full));
    }
    // What failed before stays known.
    tables
        .connection
        .prepare_cached("UPDATE queue SET failure = ?2 WHERE event = ?1 AND failure IS NULL")?
        .execute((event.as_str(), failure))?;
    tables
        .connection
        .prepare_cached("DELETE FROM dead_letters WHERE event = ?1")?
        .execute((event.as_str(),))?;
    Ok(Ok(true))
}

fn list(connection: &Connection, max: usize) -> Result<Vec<DeadLetter>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT event, kind, message_group, received_at, trace, body, failure FROM dead_letters
         ORDER BY seq LIMIT ?1",
    )?;
    let mut rows = statement.query((limit(max),))?;
    let mut dead_letters = Vec::new();
    while let Some(row) = rows.next()? {
        match dead_letter(row) {
            Ok(dead_letter) => dead_letters.push(dead_letter),
            Err(error) => tracing::error!(%error, "dead letter left out, it cannot be read"),
        }
    }
    Ok(dead_letters)
}

/// Looked up by the events alone: no body is read.
fn dead_among(
    connection: &Connection,
    events: BTreeSet<EventId>,
) -> Result<BTreeSet<EventId>, Error> {
    let mut is_dead = connection.prepare_cached("SELECT 1 FROM dead_letters WHERE event = ?1")?;
    let mut dead = BTreeSet::new();
    for event in events {
        if is_dead.exists((event.as_str(),))? {
            dead.insert(event);
        }
    }
    Ok(dead)
}

fn get(connection: &Connection, event: &EventId) -> Result<Option<DeadLetter>, Error> {
    connection
        .prepare_cached(
            "SELECT event, kind, message_group, received_at, trace, body, failure
             FROM dead_letters WHERE event = ?1",
        )?
        .query_row((event.as_str(),), |row| Ok(dead_letter(row)))
        .optional()?
        .transpose()
}

/// A dead letter from the columns of a message and its failure record. A record that cannot be read does not
/// hide the message: only that is redriven.
pub(super) fn dead_letter(row: &Row<'_>) -> Result<DeadLetter, Error> {
    let message = message(row)?;
    let text = row.get_ref(6)?.as_str().map_err(corrupt)?;
    let failure = serde_json::from_str(text).unwrap_or_else(|error| {
        let failure = Failure::new(Code::StoreCorrupt, &format_args!("failure record: {error}"));
        FailureRecord::after(None, failure, message.received_at)
    });
    Ok(DeadLetter { message, failure })
}

fn depth(connection: &Connection) -> Result<Depth, Error> {
    let count = |table: &str| -> rusqlite::Result<u64> {
        connection
            .prepare_cached(&format!("SELECT count(*) FROM {table}"))?
            .query_row((), |row| row.get::<_, i64>(0))
            .map(i64::unsigned_abs)
    };
    let oldest: Option<i64> = connection
        .prepare_cached("SELECT received_at FROM queue ORDER BY seq LIMIT 1")?
        .query_row((), |row| row.get(0))
        .optional()?;
    Ok(Depth {
        queued: count("queue")?,
        dead: count("dead_letters")?,
        oldest_received_at: oldest.map(Timestamp::from_micros),
    })
}

impl DeadLetters for Db {
    async fn list(&self, max: usize) -> Result<Vec<DeadLetter>, QueueError> {
        Ok(self.read_committed(move |connection| list(connection, max)).await?)
    }

    async fn get(&self, event: &EventId) -> Result<Option<DeadLetter>, QueueError> {
        let event = event.clone();
        Ok(self.read_committed(move |connection| get(connection, &event)).await?)
    }

    async fn dead_among(&self, events: BTreeSet<EventId>) -> Result<BTreeSet<EventId>, QueueError> {
        Ok(self.read_committed(move |connection| dead_among(connection, events)).await?)
    }

    async fn redrive(&self, event: &EventId) -> Result<bool, QueueError> {
        let event = event.clone();
        self.write(move |tables| redrive(tables, &event)).await?
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        Ok(self.read_committed(depth).await?)
    }
}
