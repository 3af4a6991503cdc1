//! From the queue's index to the receivers: loads the index from the file, and hands ready messages to
//! the receivers that wait. It settles nothing.

use rusqlite::Connection;
use tierlift_core::{
    ports::{Delivery, Receipt},
    time::Timestamp,
};

use super::{
    error::Error,
    index::{Entry, InFlightMessage, Index},
    message_rows::{group, message},
    tables::Tables,
};

/// Reads the order of all queued messages: at start, and after a lost transaction.
pub(super) fn load_index(connection: &Connection) -> Result<Index, Error> {
    let mut index = Index::default();
    let mut statement = connection.prepare(
        "SELECT seq, message_group, visible_at, failure ->> 'attempts' FROM queue ORDER BY seq",
    )?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let entry = Entry {
            seq: row.get(0)?,
            visible_at: Timestamp::from_micros(row.get(2)?),
            failures: row.get::<_, Option<u32>>(3)?.unwrap_or(0),
            message: None,
        };
        index.push(group(row, 1)?, entry);
    }
    Ok(index)
}

/// Delivers ready messages to the receivers that wait.
pub(super) fn serve_waiting(tables: &mut Tables, now: Timestamp) {
    while let Some(waiter) = tables.index.next_waiter(now) {
        let deliveries = take(tables, waiter.max, now);
        // If the receiver has gone, its messages are redelivered after the visibility timeout.
        let _ = waiter.reply.send(deliveries);
    }
}

/// Takes up to `max` ready messages. One that cannot be read stays invisible until its timeout, and
/// holds up only its own group.
fn take(tables: &mut Tables, max: usize, now: Timestamp) -> Vec<Delivery> {
    let taken = tables.index.take(max, now);
    let read = |in_flight: InFlightMessage| {
        let seq = in_flight.seq;
        delivery(&tables.connection, in_flight)
            .inspect_err(|error| tracing::error!(seq, %error, "queued message cannot be read"))
            .ok()
    };
    taken.into_iter().filter_map(read).collect()
}

fn delivery(connection: &Connection, in_flight: InFlightMessage) -> Result<Delivery, Error> {
    let InFlightMessage { message: cached, seq, attempt, delivery } = in_flight;
    let message = match cached {
        Some(cached) => *cached,
        None => connection
            .prepare_cached(
                "SELECT event, kind, message_group, received_at, trace, body FROM queue WHERE seq = ?1",
            )?
            .query_one((seq,), |row| Ok(message(row)))??,
    };
    Ok(Delivery { receipt: Receipt(delivery.to_string()), message, attempt })
}
