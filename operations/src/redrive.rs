//! A redrive, step by step: each moves some dead letters back to the queue, in the order of their arrival, and
//! waits until the worker has settled them. The caller asks for the next step, so it sets the pace, shows the
//! progress, and stops when it wants to. Nothing is lost between two steps: what is not redriven yet is a dead
//! letter, and what is stands in the queue.

use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tierlift_core::{
    decide::act_alone,
    explain::Prediction,
    id::EventId,
    ledger::SystemEvent,
    limits::{DEAD_LETTERS_PAGE_MAX, REDRIVE_POLL_MS, REDRIVE_STEP_MAX, REDRIVE_WAIT_SECS},
    ports::DeadLetter,
};
use tokio::time::Instant;

use crate::{Backend, Desk, Error, Filter, Signed};

/// Redrives that are submitted at once, in their order.
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
        let (mut found, next) = self.matching(step, &until, max, |one| one).await?;
        found.sort_by_key(|one| one.message.received_at);
        let mut done = Redriven { next, until: Some(until), ..Redriven::default() };
        for one in &found {
            let redrive = self.predict(&one.message).await?;
            let (event, explanation) = (one.message.event.clone(), redrive.sentences());
            done.predicted.push(Predicted { event, redrive, explanation });
        }
        Ok(done)
    }

    /// Redrives the next dead letters. Only their ids are kept, so that many may go at once.
    async fn act(&self, step: &RedriveStep, until: String) -> Result<Redriven, Error> {
        let max = step.max.clamp(1, REDRIVE_STEP_MAX);
        let id = |one: DeadLetter| (one.message.received_at, one.message.event);
        let (mut found, next) = self.matching(step, &until, max, id).await?;
        // A customer's events in the order of their arrival.
        found.sort_by_key(|(received_at, _)| *received_at);
        let mut done = Redriven { next, until: Some(until), ..Redriven::default() };
        let mut waiting = Vec::new();
        for some in found.chunks(AT_ONCE_MAX) {
            let redriven = join_all(some.iter().map(|(_, event)| self.backend.redrive(event)));
            for ((_, event), redriven) in some.iter().zip(redriven.await) {
                if redriven? {
                    waiting.push(event);
                }
            }
        }
        done.redriven = waiting.len();
        self.wait(waiting, &mut done).await?;
        Ok(done)
    }

    /// The next dead letters that are meant, as what is needed of them, and where to go on. Only a page of bodies is
    /// in memory at a time.
    async fn matching<T>(
        &self,
        step: &RedriveStep,
        until: &str,
        max: usize,
        needed: impl Fn(DeadLetter) -> T,
    ) -> Result<(Vec<T>, Option<String>), Error> {
        let (mut found, mut after) = (Vec::new(), step.after.clone());
        while found.len() < max {
            // Never more than may be taken, so that the place to go on is behind what was looked at.
            let at_most = (max - found.len()).min(DEAD_LETTERS_PAGE_MAX);
            let page = self.backend.dead_letters(after.as_deref(), Some(until), at_most).await?;
            for one in page.items {
                if self.admits(&step.filter, &one).await? {
                    found.push(needed(one));
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok((found, after))
    }

    /// Waits until the worker has settled what was redriven, for a bounded time.
    async fn wait(&self, waiting: Vec<&EventId>, done: &mut Redriven) -> Result<(), Error> {
        let mut waiting = waiting;
        let is_paused = self.backend.paused().await?.is_some();
        let deadline = Instant::now() + Duration::from_secs(REDRIVE_WAIT_SECS);
        while self.has_worker && !is_paused && !waiting.is_empty() && Instant::now() < deadline {
            let mut still = Vec::new();
            for event in waiting {
                if self.backend.ledger(event).await?.is_some() {
                    done.applied += 1;
                } else if self.backend.get(event).await?.is_some() {
                    done.failed += 1;
                } else {
                    still.push(event);
                }
            }
            waiting = still;
            if !waiting.is_empty() {
                tokio::time::sleep(Duration::from_millis(REDRIVE_POLL_MS)).await;
            }
        }
        done.queued = waiting.len();
        Ok(())
    }
}
