//! Waits until an event is in the ledger or a dead letter.

use tierlift_core::{
    id::EventId,
    ports::{DeadLetters as _, Processed, QueueError, Store as _, StoreError},
};

use super::handle::Db;

impl Processed for Db {
    async fn processed(&self, event: &EventId) -> Result<(), StoreError> {
        let waiter = self.awaited().wait(event);
        let mut notified = std::pin::pin!(waiter.woken());
        // From now on no wake is missed.
        notified.as_mut().enable();
        if self.ledger(event).await?.is_some() || self.is_dead(event).await? {
            return Ok(());
        }
        notified.await;
        Ok(())
    }
}

impl Db {
    async fn is_dead(&self, event: &EventId) -> Result<bool, StoreError> {
        match self.get(event).await {
            Ok(dead_letter) => Ok(dead_letter.is_some()),
            Err(QueueError::Unavailable(error)) => Err(StoreError::Unavailable(error)),
            Err(QueueError::Full) => Ok(false),
        }
    }
}
