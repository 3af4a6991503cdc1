//! From the queue's index to the receivers: loads the index from the file, and hands ready messages to
//! the receivers that wait. It settles nothing.

use std::sync::Arc;

use rusqlite::{Connection, Row};
use tierlift_core::{
    codes::Code,
    failure::Failure,
    ports::{Delivery, Group, Receipt},
    time::Timestamp,
};

use super::{
    error::Error,
    index::{Entry, InFlightMessage, Index, delivery_number},
    message_rows::{message, park_row},
    tables::Tables,
    transaction::alone,
};

/// Reads the order of all queued messages at start. A row that cannot be read holds up no other.
pub(super) fn load_index(connection: &Connection) -> Result<Index, Error> {
    match scan(connection) {
        Err(error) if !error.concerns_every_job() => {
            tracing::error!(%error, "queue is damaged; its rows are read one by one");
            scan_one_by_one(connection)
        }
        scanned => scanned,
    }
}

/// The attempts are 0 where the failure record is not one.
const INDEX_COLUMNS: &str = "seq, message_group, visible_at,
    CASE WHEN json_valid(failure) THEN failure ->> 'attempts' END";

fn scan(connection: &Connection) -> Result<Index, Error> {
    let mut index = Index::default();
    let mut statement =
        connection.prepare(&format!("SELECT {INDEX_COLUMNS} FROM queue ORDER BY seq"))?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let (group, entry) = entry(row)?;
        index.push(group, entry);
    }
    Ok(index)
}

/// Reads the rows that the index of event ids names, each by itself.
fn scan_one_by_one(connection: &Connection) -> Result<Index, Error> {
    let mut index = Index::default();
    let mut statement =
        connection.prepare("SELECT seq FROM queue INDEXED BY sqlite_autoindex_queue_1")?;
    let mut seqs = statement.query_map((), |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    seqs.sort_unstable();
    let mut statement =
        connection.prepare(&format!("SELECT {INDEX_COLUMNS} FROM queue WHERE seq = ?1"))?;
    for seq in seqs {
        match statement.query_one((seq,), entry) {
            Ok((group, entry)) => index.push(group, entry),
            Err(error) => {
                tracing::error!(seq, %error, "queued message left out, it cannot be read");
            }
        }
    }
    Ok(index)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<(Group, Entry)> {
    let group = String::from_utf8_lossy(row.get_ref(1)?.as_bytes()?).as_ref().into();
    let entry = Entry {
        seq: row.get(0)?,
        visible_at: Timestamp::from_micros(row.get(2)?),
        failures: row.get(3).unwrap_or_default(),
        ..Entry::default()
    };
    Ok((Group(group), entry))
}

/// Delivers ready messages to the receivers that wait.
pub(super) fn serve_waiting(tables: &mut Tables, now: Timestamp) {
    if tables.is_paused {
        return;
    }
    while let Some(waiter) = tables.index.next_waiter(now) {
        let deliveries = take(tables, waiter.max, now);
        if deliveries.is_empty() {
            tables.index.add_waiter(waiter);
            continue;
        }
        // A receiver that has gone since leaves its messages to the next.
        for unsent in waiter.reply.send(deliveries).err().into_iter().flatten() {
            tables.index.release(delivery_number(&unsent.receipt), Timestamp::default());
        }
    }
}

/// Takes up to `max` ready messages. One that cannot be read is parked.
fn take(tables: &mut Tables, max: usize, now: Timestamp) -> Vec<Delivery> {
    let taken = tables.index.take(max, now);
    let mut deliveries = Vec::with_capacity(taken.len());
    for in_flight in taken {
        let (seq, number) = (in_flight.seq, in_flight.delivery);
        match delivery(&tables.connection, in_flight) {
            Ok(delivery) => deliveries.push(delivery),
            Err(error) if error.concerns_every_job() => {
                tracing::error!(seq, %error, "queued message not read, it is read again later");
            }
            Err(error) => park_unread(tables, seq, number, &error, now),
        }
    }
    deliveries
}

/// Moves a message that cannot be read to the dead letters as it stands. If even its row cannot be read, it
/// stays in the file, and out of the way until the next start.
fn park_unread(tables: &mut Tables, seq: i64, delivery: u64, error: &Error, now: Timestamp) {
    let failure = Failure::new(Code::StoreCorrupt, error);
    match alone(tables, |tables| park_row(&tables.connection, seq, &failure, now)) {
        Ok(()) => tracing::error!(seq, %error, "message cannot be read, parked as a dead letter"),
        Err(not_parked) if not_parked.concerns_every_job() => {
            tracing::error!(seq, %error, %not_parked, "message cannot be read, parked later");
            return;
        }
        Err(not_parked) => {
            tracing::error!(seq, %error, %not_parked, "message cannot be read or parked, left out");
        }
    }
    metrics::counter!("tierlift_unreadable_total").increment(1);
    tables.index.complete(delivery);
}

fn delivery(connection: &Connection, in_flight: InFlightMessage) -> Result<Delivery, Error> {
    let InFlightMessage { message: cached, seq, attempt, deliveries, delivery } = in_flight;
    let message = match cached {
        Some(cached) => Arc::unwrap_or_clone(cached),
        None => connection
            .prepare_cached(
                "SELECT event, kind, message_group, received_at, trace, body FROM queue WHERE seq = ?1",
            )?
            .query_one((seq,), |row| Ok(message(row)))??,
    };
    Ok(Delivery { receipt: Receipt(delivery.to_string()), message, attempt, deliveries })
}
