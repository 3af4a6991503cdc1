//! Tells when an event is processed, for those who have just enqueued it and wait for what it changes.

use std::future::Future;

use crate::{id::EventId, ports::StoreError};

/// Awaits events.
pub trait Processed: Send + Sync {
    /// Returns when the event is in the ledger, or is a dead letter. That may take as long as the queue is long:
    /// the caller bounds it.
    fn processed(&self, event: &EventId) -> impl Future<Output = Result<(), StoreError>> + Send;
}
