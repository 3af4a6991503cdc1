//! The producer's side of the queue, as ingest sees it.

use std::{fmt, future::Future, sync::Arc};

use bytes::Bytes;

use crate::{
    id::{CustomerId, EventId},
    stripe::event::Type,
    time::Timestamp,
};

/// Why a queue could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// It holds as many messages as it may.
    #[error("the queue is full")]
    Full,
    /// It could not be reached, read or written.
    #[error("the queue is unavailable: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A message: the bytes that Stripe sent, untouched, with what the queue needs to know of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The event's id: the queue keeps one message for each.
    pub event: EventId,
    /// The event's type.
    pub kind: Type,
    /// Messages of one group are delivered one after another; groups overtake each other.
    pub group: Group,
    /// Time at which the webhook arrived.
    pub received_at: Timestamp,
    /// W3C `traceparent` of the request, if it had one.
    pub trace: Option<String>,
    /// The webhook's body.
    pub body: Bytes,
}

/// The customer whose events must stay in order, or the event itself where it names no customer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group(pub Arc<str>);

impl Group {
    /// The group of an event.
    #[must_use]
    pub fn new(event: &EventId, customer: Option<&CustomerId>) -> Self {
        Self(customer.map_or(event.as_str(), CustomerId::as_str).into())
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an enqueue did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enqueued {
    /// The message is in the queue, durably. A queue that cannot tell (SQS) reports a duplicate so, too.
    Queued,
    /// A message of this id is in the queue already.
    Duplicate,
}

/// Puts messages on the queue.
pub trait Enqueue: Send + Sync {
    /// Puts a message on the queue. When this returns `Ok`, it is durable.
    fn enqueue(
        &self,
        message: Message,
    ) -> impl Future<Output = Result<Enqueued, QueueError>> + Send;
}
