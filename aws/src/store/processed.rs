//! Waits until an event is processed, by looking at the ledger: nothing notifies a function.

use std::time::Duration;

use tierlift_core::{
    id::EventId,
    limits::PROCESSED_POLL_MS,
    ports::{Processed, Store as _, StoreError},
};

use super::Store;

impl Processed for Store {
    /// A dead letter is in no ledger: its caller waits as long as it allows.
    async fn processed(&self, event: &EventId) -> Result<(), StoreError> {
        while self.ledger(event).await?.is_none() {
            tokio::time::sleep(Duration::from_millis(PROCESSED_POLL_MS)).await;
        }
        Ok(())
    }
}
