//! The pause of the worker: its event source is disabled, so that nothing takes messages from the queue. A worker that
//! looked at a pause itself would receive each message again and again, and SQS would move it to the dead letters in
//! the end.

use aws_sdk_lambda::{Client, types::EventSourceMappingConfiguration};
use tierlift_core::{
    ledger::{Act, LedgerEntry},
    ports::{Note, StoreError},
    time::Timestamp,
};

use super::{Deployment, of_queue};
use crate::sdk::with_sources;

/// Who paused a worker whose event source was disabled past tierlift.
const SOMEBODY: &str = "unknown";
/// Why.
const DISABLED: &str = "the event source of the worker is disabled";

/// What makes Lambda take messages from the queue.
#[derive(Clone, Debug)]
pub(super) struct EventSource(Client);

impl EventSource {
    pub(super) const fn new(lambda: Client) -> Self {
        Self(lambda)
    }

    /// The mappings of a queue: one, unless somebody has added another.
    async fn mappings(
        &self,
        queue_arn: &str,
    ) -> Result<Vec<EventSourceMappingConfiguration>, StoreError> {
        let request = self.0.list_event_source_mappings().event_source_arn(queue_arn);
        let found = request.send().await.map_err(|error| unavailable(&error))?;
        Ok(found.event_source_mappings.unwrap_or_default())
    }

    async fn set_enabled(&self, queue_arn: &str, is_enabled: bool) -> Result<(), StoreError> {
        let mappings = self.mappings(queue_arn).await?;
        if mappings.is_empty() {
            return Err(StoreError::Unavailable("the queue has no event source mapping".into()));
        }
        for mapping in mappings {
            if is_disabled(&mapping) == is_enabled {
                let request = self.0.update_event_source_mapping().set_uuid(mapping.uuid);
                let updated = request.enabled(is_enabled).send().await;
                updated.map_err(|error| unavailable(&error))?;
            }
        }
        Ok(())
    }
}

fn unavailable(error: &dyn std::error::Error) -> StoreError {
    StoreError::Unavailable(with_sources(error))
}

/// Whether a mapping is disabled, or will be in a moment
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html>).
fn is_disabled(mapping: &EventSourceMappingConfiguration) -> bool {
    matches!(mapping.state(), Some("Disabled" | "Disabling"))
}

impl Deployment {
    /// Who paused the worker. What AWS does counts: a note without it is none, and it counts without a note.
    pub(super) async fn pause(&self) -> Result<Option<Note>, StoreError> {
        let note = self.pause_note().await?;
        let Some(source) = &self.source else { return Ok(note) };
        let arn = self.queue.arn().await.map_err(of_queue)?;
        let mappings = source.mappings(&arn).await?;
        let Some(disabled) = mappings.iter().find(|mapping| is_disabled(mapping)) else {
            return Ok(None);
        };
        let at = disabled.last_modified().map_or(0, aws_smithy_types::DateTime::secs);
        let act = Act::new(SOMEBODY, DISABLED).ok();
        Ok(note.or(act.map(|act| Note { act, at: Timestamp::from_secs(at) })))
    }

    /// It is in the ledger before the worker is paused, and after it goes on.
    pub(super) async fn write_pause(
        &self,
        is_paused: bool,
        entry: LedgerEntry,
    ) -> Result<(), StoreError> {
        let Some(source) = &self.source else {
            return self.write_pause_note(is_paused, &entry).await;
        };
        let arn = self.queue.arn().await.map_err(of_queue)?;
        if is_paused {
            self.write_pause_note(true, &entry).await?;
            return source.set_enabled(&arn, false).await;
        }
        source.set_enabled(&arn, true).await?;
        self.write_pause_note(false, &entry).await
    }
}
