//! The queue: one row for each message, deduplicated by event id, ordered by customer.

use rusqlite::{Connection, OptionalExtension, Row};
use tierlift_core::{
    failure::{Failure, FailureRecord},
    id::EventId,
    limits::QUEUE_DEPTH_MAX,
    ports::{
        DeadLetter, DeadLetters, Delivery, Depth, Enqueue, Enqueued, Group, Message, Queue,
        QueueError, Receipt,
    },
    stripe::event::Type,
    time::Timestamp,
};
use tokio::sync::oneshot;

use super::{
    Db, Error, corrupt,
    engine::{Job, Tables},
    index::{Entry, Index, Taken, Waiter},
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

/// Gives ready messages to those who wait for them.
pub(super) fn serve_waiting(tables: &mut Tables, now: Timestamp) {
    while let Some(waiter) = tables.index.next_waiter(now) {
        let deliveries = take(tables, waiter.max, now);
        // A receiver that went away leaves its messages out; they come again after their timeout.
        let _ = waiter.answer.send(deliveries);
    }
}

/// A message that cannot be read stays out until its timeout, and holds up its own group alone.
fn take(tables: &mut Tables, max: usize, now: Timestamp) -> Vec<Delivery> {
    let taken = tables.index.take(max, now);
    let read = |taken: Taken| {
        let seq = taken.seq;
        delivery(&tables.connection, taken)
            .inspect_err(|error| tracing::error!(seq, %error, "a message cannot be read"))
            .ok()
    };
    taken.into_iter().filter_map(read).collect()
}

fn delivery(connection: &Connection, taken: Taken) -> Result<Delivery, Error> {
    let message = match taken.message {
        Some(kept) => *kept,
        None => connection
            .prepare_cached(
                "SELECT event, kind, message_group, received_at, trace, body FROM queue WHERE seq = ?1",
            )?
            .query_one((taken.seq,), |row| Ok(message(row)))??,
    };
    Ok(Delivery { receipt: Receipt(taken.delivery.to_string()), message, attempt: taken.attempt })
}

/// A message out of the columns event, kind, `message_group`, `received_at`, trace, body.
fn message(row: &Row<'_>) -> Result<Message, Error> {
    let event = row.get_ref(0)?.as_str().map_err(corrupt)?;
    let kind = row.get_ref(1)?.as_str().map_err(corrupt)?;
    Ok(Message {
        event: EventId::new(event).map_err(corrupt)?,
        kind: Type::parse(kind).ok_or_else(|| Error::Corrupt(format!("event type {kind}")))?,
        group: group(row, 2)?,
        received_at: Timestamp::from_micros(row.get(3)?),
        trace: row.get(4)?,
        body: row.get::<_, Vec<u8>>(5)?.into(),
    })
}

fn group(row: &Row<'_>, column: usize) -> Result<Group, Error> {
    Ok(Group(row.get_ref(column)?.as_str().map_err(corrupt)?.into()))
}

pub(super) fn enqueue(
    tables: &mut Tables,
    message: Message,
) -> Result<Result<Enqueued, QueueError>, Error> {
    if tables.index.len() >= QUEUE_DEPTH_MAX {
        return Ok(Err(QueueError::Full));
    }
    let written = tables
        .connection
        .prepare_cached(
            "INSERT INTO queue (event, kind, message_group, received_at, trace, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (event) DO NOTHING",
        )?
        .execute((
            message.event.as_str(),
            message.kind.as_str(),
            &*message.group.0,
            message.received_at.as_micros(),
            &message.trace,
            &message.body[..],
        ))?;
    if written == 0 {
        return Ok(Ok(Enqueued::Duplicate));
    }
    let seq = tables.connection.last_insert_rowid();
    let group = message.group.clone();
    let message = Some(Box::new(message));
    tables.index.push(group, Entry { seq, failures: 0, visible_at: Timestamp::default(), message });
    Ok(Ok(Enqueued::Queued))
}

/// A receipt's delivery number; a foreign receipt answers for nothing.
fn number(receipt: &Receipt) -> u64 {
    receipt.0.parse().unwrap_or(0)
}

fn delete(tables: &mut Tables, receipts: &[Receipt]) -> Result<(), Error> {
    for receipt in receipts {
        if let Some(seq) = tables.index.finish(number(receipt)) {
            remove(&tables.connection, seq)?;
        }
    }
    Ok(())
}

fn remove(connection: &Connection, seq: i64) -> Result<(), Error> {
    connection.prepare_cached("DELETE FROM queue WHERE seq = ?1")?.execute((seq,))?;
    Ok(())
}

fn failure_after(
    connection: &Connection,
    seq: i64,
    failure: Failure,
    now: Timestamp,
) -> Result<String, Error> {
    let known: Option<String> = connection
        .prepare_cached("SELECT failure FROM queue WHERE seq = ?1")?
        .query_row((seq,), |row| row.get(0))?;
    let known: Option<FailureRecord> =
        known.as_deref().map(serde_json::from_str).transpose().map_err(corrupt)?;
    serde_json::to_string(&FailureRecord::after(known.as_ref(), failure, now)).map_err(corrupt)
}

fn retry(
    tables: &mut Tables,
    receipt: &Receipt,
    visible_at: Timestamp,
    failure: Failure,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(seq) = tables.index.row_of(number(receipt)) else { return Ok(()) };
    let failure = failure_after(&tables.connection, seq, failure, now)?;
    tables
        .connection
        .prepare_cached("UPDATE queue SET visible_at = ?2, failure = ?3 WHERE seq = ?1")?
        .execute((seq, visible_at.as_micros(), failure))?;
    tables.index.delay(number(receipt), visible_at);
    Ok(())
}

fn release(tables: &mut Tables, receipts: &[Receipt], visible_at: Timestamp) -> Result<(), Error> {
    for receipt in receipts {
        if let Some(seq) = tables.index.put_back(number(receipt), visible_at) {
            tables
                .connection
                .prepare_cached("UPDATE queue SET visible_at = ?2 WHERE seq = ?1")?
                .execute((seq, visible_at.as_micros()))?;
        }
    }
    Ok(())
}

fn park(
    tables: &mut Tables,
    receipt: &Receipt,
    failure: Failure,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(seq) = tables.index.row_of(number(receipt)) else { return Ok(()) };
    let failure = failure_after(&tables.connection, seq, failure, now)?;
    tables
        .connection
        .prepare_cached(
            "INSERT OR REPLACE INTO dead_letters
                 (event, kind, message_group, received_at, trace, failure, body)
             SELECT event, kind, message_group, received_at, trace, ?2, body FROM queue WHERE seq = ?1",
        )?
        .execute((seq, failure))?;
    remove(&tables.connection, seq)?;
    tables.index.finish(number(receipt));
    Ok(())
}

fn redrive(tables: &mut Tables, event: &EventId) -> Result<Result<bool, QueueError>, Error> {
    let message = tables
        .connection
        .prepare_cached(
            "SELECT event, kind, message_group, received_at, trace, body FROM dead_letters
             WHERE event = ?1",
        )?
        .query_row((event.as_str(),), |row| Ok(message(row)))
        .optional()?
        .transpose()?;
    let Some(message) = message else { return Ok(Ok(false)) };
    // A resend of the same event may be in the queue already: then that one will do.
    if let Err(full) = enqueue(tables, message)? {
        return Ok(Err(full));
    }
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
    let mut rows = statement.query((i64::try_from(max).unwrap_or(i64::MAX),))?;
    let mut dead_letters = Vec::new();
    while let Some(row) = rows.next()? {
        dead_letters.push(dead_letter(row)?);
    }
    Ok(dead_letters)
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

/// A dead letter out of a message's columns and its failure record.
fn dead_letter(row: &Row<'_>) -> Result<DeadLetter, Error> {
    let failure = row.get_ref(6)?.as_str().map_err(corrupt)?;
    Ok(DeadLetter {
        message: message(row)?,
        failure: serde_json::from_str(failure).map_err(corrupt)?,
    })
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

impl Enqueue for Db {
    async fn enqueue(&self, message: Message) -> Result<Enqueued, QueueError> {
        self.write(move |tables| enqueue(tables, message)).await?
    }
}

impl Queue for Db {
    async fn receive(&self, max: usize) -> Result<Vec<Delivery>, QueueError> {
        let (answer, answered) = oneshot::channel();
        // The thread serves whoever waits as soon as there is something, and not before.
        self.send_job(Job::Read(Box::new(move |tables| {
            tables.index.wait(Waiter { max, answer });
        })));
        Ok(answered.await.map_err(|_| Error::Closed)?)
    }

    async fn delete(&self, receipts: Vec<Receipt>) -> Result<(), QueueError> {
        Ok(self.write(move |tables| delete(tables, &receipts)).await?)
    }

    async fn retry(
        &self,
        delivery: &Delivery,
        delay_ms: u64,
        failure: Failure,
    ) -> Result<(), QueueError> {
        let (now, receipt) = (self.now(), delivery.receipt.clone());
        let visible_at = now.plus_millis(i64::try_from(delay_ms).unwrap_or(i64::MAX));
        Ok(self.write(move |tables| retry(tables, &receipt, visible_at, failure, now)).await?)
    }

    async fn release(&self, deliveries: &[Delivery], delay_ms: u64) -> Result<(), QueueError> {
        let visible_at = self.now().plus_millis(i64::try_from(delay_ms).unwrap_or(i64::MAX));
        let receipts: Vec<_> = deliveries.iter().map(|out| out.receipt.clone()).collect();
        Ok(self.write(move |tables| release(tables, &receipts, visible_at)).await?)
    }

    async fn park(&self, delivery: &Delivery, failure: Failure) -> Result<(), QueueError> {
        let (now, receipt) = (self.now(), delivery.receipt.clone());
        Ok(self.write(move |tables| park(tables, &receipt, failure, now)).await?)
    }
}

impl DeadLetters for Db {
    async fn list(&self, max: usize) -> Result<Vec<DeadLetter>, QueueError> {
        Ok(self.read_committed(move |connection| list(connection, max)).await?)
    }

    async fn get(&self, event: &EventId) -> Result<Option<DeadLetter>, QueueError> {
        let event = event.clone();
        Ok(self.read_committed(move |connection| get(connection, &event)).await?)
    }

    async fn redrive(&self, event: &EventId) -> Result<bool, QueueError> {
        let event = event.clone();
        self.write(move |tables| redrive(tables, &event)).await?
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        Ok(self.read_committed(depth).await?)
    }
}

impl Db {
    /// Answers for deliveries without waiting for the commit: a message whose answer is lost in a
    /// crash comes again, and the ledger knows it.
    pub fn delete_later(&self, receipts: Vec<Receipt>) {
        drop(self.submit(move |tables| delete(tables, &receipts)));
    }
}
