//! The consumer's side of the queue, as the worker sees it.
//!
//! First in, first out within a group; one message for each event id; nothing is lost once
//! [`Enqueue::enqueue`](super::Enqueue::enqueue) returned.

use std::future::Future;

use super::enqueue::{Message, QueueError};
use crate::failure::Failure;

/// Handle of one delivery, valid at the queue that made it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receipt(pub String);

/// A message that was received and is invisible to other receivers until it is settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Handle used to settle this delivery.
    pub receipt: Receipt,
    /// The message.
    pub message: Message,
    /// The number of this attempt, from 1: one more than those that failed. What was released, or never
    /// settled, was no attempt.
    pub attempt: u32,
    /// The number of this delivery, from 1, whatever became of the earlier ones; a restart may count from 1 again.
    pub deliveries: u32,
}

/// Receives messages and settles their deliveries.
pub trait Queue: Send + Sync {
    /// Receives up to `max` messages; waits until there is one. Of one group only the earliest is
    /// delivered until it is settled.
    fn receive(&self, max: usize)
    -> impl Future<Output = Result<Vec<Delivery>, QueueError>> + Send;

    /// Settles deliveries as done: their messages are deleted.
    fn delete(&self, receipts: Vec<Receipt>)
    -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Settles a delivery as failed: it is redelivered after `delay_ms`. Its group waits for it.
    fn retry(
        &self,
        delivery: &Delivery,
        delay_ms: u64,
        failure: Failure,
    ) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Settles deliveries as not attempted: they are redelivered after `delay_ms`, and this attempt
    /// does not count. It works while nothing can be written.
    fn release(
        &self,
        deliveries: &[Delivery],
        delay_ms: u64,
    ) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Settles a delivery as dead: it moves to the dead letters with its cause. Its group goes on.
    fn park(
        &self,
        delivery: &Delivery,
        failure: Failure,
    ) -> impl Future<Output = Result<(), QueueError>> + Send;
}
