//! How the deployment is, at a glance.

use std::collections::BTreeMap;

use serde::Serialize;
use tierlift_core::{
    id::EventId, ledger::LedgerEntry, ports::Note, reconciliation::Reconciliation,
};

use crate::{Backend, Desk, Error, Filter, GroupBy};

/// What the process that serves a desk knows about its own last minute.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Traffic {
    /// Webhooks that were answered.
    pub webhooks: Option<u64>,
    /// Time from arrival to commit that 99 % of the events did not exceed.
    pub lag_secs: Option<f64>,
}

/// How the deployment is. What the backend does not know is null.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Messages that are not applied yet.
    pub queued: u64,
    /// Those of them that the worker has in hand.
    pub in_flight: Option<u64>,
    /// Those of them that are thin events and wait for Stripe, where these have a queue of their own.
    pub thin_queued: Option<u64>,
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
    /// That event.
    pub last_event: Option<LastEvent>,
    /// Events that were applied in the last minute.
    pub applied_last_minute: Option<u64>,
    /// Webhooks that were answered in the last minute.
    pub webhooks_last_minute: Option<u64>,
    /// Time from arrival to commit that 99 % of the events of the last minute did not exceed, in seconds.
    pub lag_secs: Option<f64>,
    /// How what is stored differed from what Stripe lists, when they were last compared; nothing if they never were.
    pub drift: Option<Drift>,
    /// Who paused the worker, and why; nothing if it runs.
    pub paused: Option<String>,
}

/// The event that was last applied.
#[derive(Debug, Serialize)]
pub struct LastEvent {
    /// The event.
    pub event: EventId,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The outcome.
    pub outcome: &'static str,
}

/// The latest reconciliation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// Time at which it began.
    pub begun_at: String,
    /// Time at which it ended; nothing while it goes on.
    pub ended_at: Option<String>,
    /// Objects that were compared.
    pub checked: u64,
    /// Those by which an account changed.
    pub fixed: u64,
    /// Those that earn something for nobody.
    pub unowned: u64,
    /// Those that could not be applied.
    pub parked: u64,
}

impl From<&LedgerEntry> for LastEvent {
    fn from(row: &LedgerEntry) -> Self {
        Self { event: row.event.clone(), kind: row.kind.as_str(), outcome: row.outcome.as_str() }
    }
}

impl From<Reconciliation> for Drift {
    fn from(latest: Reconciliation) -> Self {
        Self {
            begun_at: latest.begun_at.to_string(),
            ended_at: latest.ended_at.map(|at| at.to_string()),
            checked: latest.report.checked,
            fixed: latest.report.fixed,
            unowned: latest.report.unowned,
            parked: latest.report.parked,
        }
    }
}

impl<B: Backend> Desk<B> {
    /// How the deployment is.
    pub async fn status(&self, traffic: Traffic) -> Result<Status, Error> {
        let now = self.clock.now();
        let depth = self.backend.depth().await?;
        let groups = self.groups(&Filter::default(), GroupBy::Cause).await?;
        let waiting = self.backend.waiting_totals().await?;
        let activity = self.backend.activity(now).await?;
        let paused = self.backend.paused().await?;
        let last_event = activity.last_event.as_ref();
        Ok(Status {
            queued: depth.queued,
            in_flight: activity.in_flight,
            thin_queued: activity.thin_queued,
            oldest_age_secs: depth.oldest_received_at.map(|at| now.since(at).as_secs()),
            dead_letters: depth.dead,
            dead_letters_by_cause: groups.groups.into_iter().map(|it| (it.key, it.count)).collect(),
            waiting: waiting.count,
            waiting_since: waiting.oldest.map(|at| at.to_string()),
            last_applied_at: last_event.map(|row| row.processed_at.to_string()),
            last_event: last_event.map(Into::into),
            applied_last_minute: activity.applied_last_minute,
            webhooks_last_minute: traffic.webhooks,
            lag_secs: traffic.lag_secs,
            drift: self.backend.reconciliation().await?.map(Into::into),
            paused: paused
                .map(|Note { act, at }| format!("by {} at {at}: {}", act.actor(), act.reason())),
        })
    }
}
