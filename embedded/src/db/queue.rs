//! The queue: one row for each message, deduplicated by event id, in order within each group.
//!
//! The index in memory follows the rows as soon as their transaction is committed. A release changes the
//! index alone, so that it works while nothing can be written; after a restart the message is ready.

use std::sync::Arc;

use tierlift_core::{
    failure::Failure,
    limits::QUEUE_DEPTH_MAX,
    ports::{Delivery, Enqueue, Enqueued, Message, Queue, QueueError, Receipt},
    time::Timestamp,
};
use tokio::sync::oneshot;

use super::{
    engine::Job,
    error::Error,
    handle::Db,
    index::{Entry, IndexChange, Waiter, delivery_number},
    message_rows::{failure_after, park_row, remove},
    tables::Tables,
};

/// Adds a message to the queue.
pub(super) fn enqueue(
    tables: &mut Tables,
    message: &Arc<Message>,
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
    let entry = Entry { seq, message: Some(Arc::clone(message)), ..Entry::default() };
    tables.change_index(IndexChange::Pushed(message.group.clone(), entry));
    Ok(Ok(Enqueued::Queued))
}

fn delete(tables: &mut Tables, receipts: &[Receipt]) -> Result<(), Error> {
    for receipt in receipts {
        let delivery = delivery_number(receipt);
        if let Some(seq) = tables.index.row_of(delivery) {
            remove(&tables.connection, seq)?;
            tables.change_index(IndexChange::Completed(delivery));
        }
    }
    Ok(())
}

fn retry(
    tables: &mut Tables,
    receipt: &Receipt,
    visible_at: Timestamp,
    failure: &Failure,
    now: Timestamp,
) -> Result<(), Error> {
    let delivery = delivery_number(receipt);
    let Some(seq) = tables.index.row_of(delivery) else { return Ok(()) };
    let failure = failure_after(&tables.connection, seq, failure, now)?;
    tables
        .connection
        .prepare_cached("UPDATE queue SET visible_at = ?2, failure = ?3 WHERE seq = ?1")?
        .execute((seq, visible_at.as_micros(), failure))?;
    tables.change_index(IndexChange::Retried(delivery, visible_at));
    Ok(())
}

fn park(
    tables: &mut Tables,
    receipt: &Receipt,
    failure: &Failure,
    now: Timestamp,
) -> Result<(), Error> {
    let delivery = delivery_number(receipt);
    let Some(seq) = tables.index.row_of(delivery) else { return Ok(()) };
    park_row(&tables.connection, seq, failure, now)?;
    tables.change_index(IndexChange::Completed(delivery));
    Ok(())
}

fn millis(delay_ms: u64) -> i64 {
    i64::try_from(delay_ms).unwrap_or(i64::MAX)
}

impl Enqueue for Db {
    async fn enqueue(&self, message: Message) -> Result<Enqueued, QueueError> {
        let message = Arc::new(message);
        self.write(move |tables| enqueue(tables, &message)).await?
    }
}

impl Queue for Db {
    async fn receive(&self, max: usize) -> Result<Vec<Delivery>, QueueError> {
        let (reply, received) = oneshot::channel();
        // The writing thread replies as soon as there is a message, and not before.
        self.send_job(Job::Read(Box::new(move |tables| {
            tables.index.add_waiter(Waiter { max, reply });
        })));
        Ok(received.await.map_err(|_| Error::Closed)?)
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
        let visible_at = now.plus_millis(millis(delay_ms));
        Ok(self.write(move |tables| retry(tables, &receipt, visible_at, &failure, now)).await?)
    }

    async fn release(&self, deliveries: &[Delivery], delay_ms: u64) -> Result<(), QueueError> {
        let visible_at = self.now().plus_millis(millis(delay_ms));
        let released: Vec<_> = deliveries.iter().map(|it| delivery_number(&it.receipt)).collect();
        let release = move |tables: &mut Tables| {
            for delivery in released {
                tables.index.release(delivery, visible_at);
            }
            Ok(())
        };
        Ok(self.read_uncommitted(release).await?)
    }

    async fn park(&self, delivery: &Delivery, failure: Failure) -> Result<(), QueueError> {
        let (now, receipt) = (self.now(), delivery.receipt.clone());
        self.write(move |tables| park(tables, &receipt, &failure, now)).await?;
        self.awaited().processed(&delivery.message.event);
        Ok(())
    }
}

impl Db {
    /// Deletes the messages of these deliveries without waiting for it: the next transaction does it.
    pub fn delete_later(&self, receipts: Vec<Receipt>) {
        self.send_job(Job::Read(Box::new(move |tables| {
            for receipt in &receipts {
                tables.complete(delivery_number(receipt));
            }
        })));
    }
}
