//! The producer's side of the queue, as ingest sees it: what a message is, and how it is enqueued.

use std::{fmt, future::Future, sync::Arc};

use bytes::Bytes;

use crate::{
    id::{CustomerId, EventId},
    stripe::event::Type,
    time::Timestamp,
};

/// A message: the bytes that Stripe sent, unchanged, and what the queue needs to know about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The event's id. The queue holds one message for each id.
    pub event: EventId,
    /// The event's type.
    pub kind: Type,
    /// The group: its messages are delivered one after another, independently of other groups.
    pub group: Group,
    /// Time at which the webhook arrived.
    pub received_at: Timestamp,
    /// W3C `traceparent` of the request, if it had one.
    pub trace: Option<String>,
    /// The webhook's body.
    pub body: Bytes,
}

/// The customer whose events must stay in order, or the event itself if it names no customer.
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

/// Why a queue, or its dead-letter queue, could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// It holds [`QUEUE_DEPTH_MAX`](crate::limits::QUEUE_DEPTH_MAX) messages.
    #[error("the queue is full")]
    Full,
    /// It could not be reached, read or written.
    #[error("the queue is unavailable: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The result of an enqueue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enqueued {
    /// The message is in the queue, durably. SQS reports a duplicate like this too.
    Queued,
    /// The queue has a message with this id already.
    Duplicate,
}

/// Enqueues messages.
pub trait Enqueue: Send + Sync {
    /// Enqueues a message. When this returns `Ok`, the message is durable.
    fn enqueue(
        &self,
        message: Message,
    ) -> impl Future<Output = Result<Enqueued, QueueError>> + Send;
}
