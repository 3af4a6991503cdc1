//! A redrive, step by step: each moves some dead letters back to the queue, in the order of their arrival, and
//! waits until the worker has settled them. The caller asks for the next step, so it sets the pace, shows the
//! progress, and stops when it wants to. Nothing is lost between two steps: what is not redriven yet is a dead
//! letter, and what is stands in the queue.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tierlift_core::{
    decide::act_alone,
    explain::Prediction,
    id::EventId,
    ledger::SystemEvent,
    limits::{
        DEAD_LETTERS_PAGE_MAX, REDRIVE_POLL_MS_MAX, REDRIVE_POLL_MS_MIN, REDRIVE_STEP_MAX,
        REDRIVE_WAIT_SECS,
    },
    ports::{DeadLetter, Fate, Group, Message, Page},
};
use tokio::time::Instant;

use crate::{Backend, Desk, Error, Filter, Signed};

/// Groups whose dead letters are redriven at once.
const AT_ONCE_MAX: usize = 100;

/// One step of a redrive.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RedriveStep {
    /// Which dead letters.
    #[serde(default)]
    pub filter: Filter,
    /// Where the step before ended; nothing for the first.
    #[serde(default)]
    pub after: Option<String>,
    /// Where the redrive ends, as the first step said: one that fails again is behind that.
    #[serde(default)]
    pub until: Option<String>,
    /// Dead letters in this step.
    pub max: usize,
    /// Whether only to say what would become of them.
    #[serde(default)]
    pub dry_run: bool,
    /// Who does it, and why.
    #[serde(flatten)]
    pub signed: Signed,
}

/// What would become of one event.
#[derive(Debug, Serialize)]
pub struct Predicted {
    /// The event.
    pub event: EventId,
    /// The prediction.
    pub redrive: Prediction,
    /// The same in sentences.
    pub explanation: Vec<String>,
}

/// What one step did.
#[derive(Debug, Default, Serialize)]
pub struct Redriven {
    /// Moved to the queue.
    pub redriven: usize,
    /// Applied by the worker.
    pub applied: usize,
    /// Failed again.
    pub failed: usize,
    /// Still in the queue when the step ended.
    pub queued: usize,
    /// What would become of each, in a dry run.
    pub predicted: Vec<Predicted>,
    /// Where the next step begins; nothing at the end.
    pub next: Option<String>,
    /// Where the redrive ends.
    pub until: Option<String>,
}

impl<B: Backend> Desk<B> {
    /// Does one step.
    pub async fn redrive_step(&self, step: RedriveStep) -> Result<Redriven, Error> {
        let until = match step.until.clone() {
            Some(until) => Some(until),
            None => self.backend.dead_letters_end().await?,
        };
        if step.after.is_none() && !step.dry_run {
            let (subject, act) = (step.filter.summary(), step.signed.act()?);
            let commit = act_alone(SystemEvent::Redriven, &subject, act, self.clock.now());
            self.backend.commit(commit.ok_or_else(|| Error::Invalid(subject))?).await?;
        }
        let Some(until) = until else { return Ok(Redriven::default()) };
        if step.dry_run {
            self.predict_step(&step, until).await
        } else {
            self.act(&step, until).await
        }
    }

    /// What would become of the next dead letters.
    async fn predict_step(&self, step: &RedriveStep, until: String) -> Result<Redriven, Error> {
        let max = step.max.clamp(1, DEAD_LETTERS_PAGE_MAX);
        let (mut predicted, mut after) = (Vec::new(), step.after.clone());
        while predicted.len() < max {
            let page = self.matching(step, after, &until, max - predicted.len()).await?;
            for DeadLetter { message, .. } in page.items {
                let redrive = self.predict(&message).await?;
                let (event, explanation) = (message.event, redrive.sentences());
                let one = Predicted { event, redrive, explanation };
                predicted.push((message.received_at, one));
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        predicted.sort_by_key(|(received_at, _)| *received_at);
        let predicted = predicted.into_iter().map(|(_, one)| one).collect();
        Ok(Redriven { predicted, next: after, until: Some(until), ..Redriven::default() })
    }

    /// Redrives the next dead letters. Only their ids are kept, so that many may go at once.
    async fn act(&self, step: &RedriveStep, until: String) -> Result<Redriven, Error> {
        let max = step.max.clamp(1, REDRIVE_STEP_MAX);
        let (mut found, mut after) = (Vec::new(), step.after.clone());
        while found.len() < max {
            let page = self.matching(step, after, &until, max - found.len()).await?;
            found.extend(page.items.into_iter().map(|one| {
                let Message { received_at, group, event, .. } = one.message;
                (received_at, group, event)
            }));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        // A customer's events in the order of their arrival.
        found.sort_by_key(|(received_at, ..)| *received_at);
        let mut done = Redriven { next: after, until: Some(until), ..Redriven::default() };
        let mut groups: BTreeMap<Group, Vec<EventId>> = BTreeMap::new();
        for (_, group, event) in found {
            groups.entry(group).or_default().push(event);
        }
        let waiting = self.redrive_groups(groups.into_values().collect()).await?;
        done.redriven = waiting.len();
        self.wait(waiting, &mut done).await?;
        Ok(done)
    }

    /// Those of the next page that are meant, and where to go on. Only a page of bodies is in memory at a time. Never
    /// more than may be taken, so that the place to go on is behind what was looked at.
    async fn matching(
        &self,
        step: &RedriveStep,
        after: Option<String>,
        until: &str,
        at_most: usize,
    ) -> Result<Page<DeadLetter>, Error> {
        let at_most = at_most.min(DEAD_LETTERS_PAGE_MAX);
        let page = self.backend.dead_letters(after.as_deref(), Some(until), at_most).await?;
        let mut items = Vec::new();
        for one in page.items {
            if self.admits(&step.filter, &one).await? {
                items.push(one);
            }
        }
        Ok(Page { items, next: page.next })
    }

    /// Redrives dead letters, those of one group one after another. Returns the events that were.
    async fn redrive_groups(&self, groups: Vec<Vec<EventId>>) -> Result<Vec<EventId>, Error> {
        let mut redriven = Vec::new();
        for some in groups.chunks(AT_ONCE_MAX) {
            for group in join_all(some.iter().map(|events| self.redrive_group(events))).await {
                redriven.extend(group?);
            }
        }
        Ok(redriven)
    }

    async fn redrive_group(&self, events: &[EventId]) -> Result<Vec<EventId>, Error> {
        let mut redriven = Vec::new();
        for event in events {
            if self.backend.redrive(event).await? {
                redriven.push(event.clone());
            }
        }
        Ok(redriven)
    }

    /// Waits until the worker has settled what was redriven, for a bounded time. The longer it waits, the more
    /// seldom it looks.
    async fn wait(&self, mut waiting: Vec<EventId>, done: &mut Redriven) -> Result<(), Error> {
        let is_paused = self.backend.paused().await?.is_some();
        let begun = Instant::now();
        let deadline = begun + Duration::from_secs(REDRIVE_WAIT_SECS);
        while self.has_worker && !is_paused && !waiting.is_empty() && Instant::now() < deadline {
            let mut still = Vec::new();
            for (event, fate) in waiting.iter().zip(self.backend.fates(&waiting).await?) {
                match fate {
                    Fate::Applied => done.applied += 1,
                    Fate::Failed => done.failed += 1,
                    Fate::Queued => still.push(event.clone()),
                }
            }
            waiting = still;
            if !waiting.is_empty() {
                let (least, most) = (REDRIVE_POLL_MS_MIN, REDRIVE_POLL_MS_MAX);
                let (least, most) = (Duration::from_millis(least), Duration::from_millis(most));
                tokio::time::sleep((begun.elapsed() / 2).clamp(least, most)).await;
            }
        }
        done.queued = waiting.len();
        Ok(())
    }
}
