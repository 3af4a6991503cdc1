//! How the deployment is, at a glance.

use std::collections::BTreeMap;

use serde::Serialize;
use tierlift_core::ports::Note;

use crate::{Backend, Desk, Error, Filter, GroupBy};

/// How the deployment is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Messages that are not applied yet.
    pub queued: u64,
    /// Age of the oldest one, in seconds.
    pub oldest_age_secs: Option<u64>,
    /// Dead letters.
    pub dead_letters: u64,
    /// Dead letters of each cause.
    pub dead_letters_by_cause: BTreeMap<String, usize>,
    /// Things that were paid for and have no owner.
    pub waiting: u64,
    /// Time since which the oldest one waits.
    pub waiting_since: Option<String>,
    /// Time at which an event was last applied.
    pub last_applied_at: Option<String>,
    /// Events that were applied in the last minute; nothing where the backend does not know it.
    pub applied_last_minute: Option<u64>,
    /// Who paused the worker, and why; nothing if it runs.
    pub paused: Option<String>,
}

impl<B: Backend> Desk<B> {
    /// How the deployment is.
    pub async fn status(&self) -> Result<Status, Error> {
        let now = self.clock.now();
        let depth = self.backend.depth().await?;
        let groups = self.groups(&Filter::default(), GroupBy::Cause).await?;
        let waiting = self.backend.waiting_totals().await?;
        let activity = self.backend.activity(now).await?;
        let paused = self.backend.paused().await?;
        Ok(Status {
            queued: depth.queued,
            oldest_age_secs: depth.oldest_received_at.map(|at| now.since(at).as_secs()),
            dead_letters: depth.dead,
            dead_letters_by_cause: groups.groups.into_iter().map(|it| (it.key, it.count)).collect(),
            waiting: waiting.count,
            waiting_since: waiting.oldest.map(|at| at.to_string()),
            last_applied_at: activity.last_applied_at.map(|at| at.to_string()),
            applied_last_minute: activity.applied_last_minute,
            paused: paused
                .map(|Note { act, at }| format!("by {} at {at}: {}", act.actor(), act.reason())),
        })
    }
}
