//! The dead-letter queue and the queue's depth, as operators see them.

use std::future::Future;

use serde::Serialize;

use super::{Message, QueueError};
use crate::{failure::FailureRecord, id::EventId, time::Timestamp};

/// A message that could not be applied, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The message.
    pub message: Message,
    /// Its failed attempts.
    pub failure: FailureRecord,
}

/// How full the queue is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Depth {
    /// Messages that are not applied yet, delayed and invisible ones included.
    pub queued: u64,
    /// Dead letters.
    pub dead: u64,
    /// Arrival of the oldest message that is not applied yet.
    pub oldest_received_at: Option<Timestamp>,
}

/// Reads and redrives dead letters.
pub trait DeadLetters: Send + Sync {
    /// Dead letters, oldest first, at most `max`.
    fn list(&self, max: usize) -> impl Future<Output = Result<Vec<DeadLetter>, QueueError>> + Send;

    /// The dead letter of that id.
    fn get(
        &self,
        event: &EventId,
    ) -> impl Future<Output = Result<Option<DeadLetter>, QueueError>> + Send;

    /// Puts a dead letter back at the end of the queue, with no attempts counted. Returns false if
    /// there is none of that id.
    fn redrive(&self, event: &EventId) -> impl Future<Output = Result<bool, QueueError>> + Send;

    /// How full the queue and the dead-letter queue are.
    fn depth(&self) -> impl Future<Output = Result<Depth, QueueError>> + Send;
}
