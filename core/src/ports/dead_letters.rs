//! The dead-letter queue and the queue's depth, as operators see them.

use std::{collections::BTreeSet, future::Future};

use serde::Serialize;

use super::enqueue::{Message, QueueError};
use crate::{failure::FailureRecord, id::EventId, time::Timestamp};

/// A message that could not be applied, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The message.
    pub message: Message,
    /// The record of its failed attempts.
    pub failure: FailureRecord,
}

/// The sizes of the queue and of the dead-letter queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Depth {
    /// Messages that are not applied yet, delayed and invisible ones included.
    pub queued: u64,
    /// Dead letters.
    pub dead: u64,
    /// Time of arrival of the oldest message that is not applied yet.
    pub oldest_received_at: Option<Timestamp>,
}

/// Reads and redrives dead letters.
pub trait DeadLetters: Send + Sync {
    /// The oldest dead letters, at most `max`, oldest first.
    fn list(&self, max: usize) -> impl Future<Output = Result<Vec<DeadLetter>, QueueError>> + Send;

    /// The dead letter of an event.
    fn get(
        &self,
        event: &EventId,
    ) -> impl Future<Output = Result<Option<DeadLetter>, QueueError>> + Send;

    /// Those of these events that are dead letters. However many and large those are, few are in memory at a time.
    fn dead_among(
        &self,
        events: BTreeSet<EventId>,
    ) -> impl Future<Output = Result<BTreeSet<EventId>, QueueError>> + Send;

    /// Moves a dead letter to the end of the queue, with no attempts counted. Returns false if there is
    /// none for this event.
    fn redrive(&self, event: &EventId) -> impl Future<Output = Result<bool, QueueError>> + Send;

    /// The sizes of the queue and of the dead-letter queue.
    fn depth(&self) -> impl Future<Output = Result<Depth, QueueError>> + Send;
}
