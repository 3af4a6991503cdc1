//! Dead letters that come from elsewhere, such as another deployment's file. What is known already, as a dead letter, discarded
//! or applied, is left as it is. What is in the queue cannot be looked up in SQS: it may become a dead letter as well, and is
//! applied once all the same.

use std::collections::BTreeSet;

use tierlift_core::{
    id::EventId,
    ledger::LedgerEntry,
    ports::{DeadLetter, StoreError},
};

use super::{Deployment, discarded, of_queue};
use crate::store::ledger_key;

impl Deployment {
    /// The act is in the ledger before the first is added. One that was added before is known when it is repeated.
    pub(super) async fn import(
        &self,
        dead_letters: Vec<DeadLetter>,
        entry: LedgerEntry,
    ) -> Result<usize, StoreError> {
        let mut known = self.known(&dead_letters).await?;
        self.store.note_act(&entry).await?;
        let mut added = 0;
        for one in &dead_letters {
            let event = &one.message.event;
            if known.insert(event.clone()) {
                let id = format!("import:{event}");
                self.queue.bring_back(one, &id).await.map_err(of_queue)?;
                added += 1;
            }
        }
        Ok(added)
    }

    async fn known(&self, dead_letters: &[DeadLetter]) -> Result<BTreeSet<EventId>, StoreError> {
        let events = || dead_letters.iter().map(|one| &one.message.event);
        let keys = events().flat_map(|event| [ledger_key(event), discarded::key(event)]);
        let stored = self.store.get_all(&keys.collect()).await?;
        let is_stored = |event: &EventId| {
            stored.contains_key(&ledger_key(event))
                || stored.get(&discarded::key(event)).is_some_and(crate::store::is_uncleared)
        };
        let mut known: BTreeSet<EventId> =
            events().filter(|event| is_stored(event)).cloned().collect();
        let mut seen = self.seen.lock().await;
        known.extend(seen.events(&self.queue).await.map_err(of_queue)?);
        Ok(known)
    }
}
