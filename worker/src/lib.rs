//! The worker: load, decide, commit. It takes one message at a time and answers what became of it.
//!
//! Deciding never talks to the queue: what a [`Verdict`] means for a message is done by the caller,
//! the embedded pump or the [`Worker`] of batches. It refuses to guess: what cannot be applied is parked with
//! its cause, what may pass is tried again, and nothing is dropped.

mod attempt;
mod backoff;
mod batch;
mod lapse;

use std::time::Duration;

use tierlift_core::{
    cause::{Cause, Failure},
    decide::{Change, Commit, Decision, Origin, Outcome, decide},
    event::Event,
    id::UserId,
    limits::{ATTEMPTS_MAX, CONFLICT_RETRIES_MAX},
    policy::Policy,
    ports::{Keys, Message, Store, StoreError},
    time::Timestamp,
};

pub use attempt::attempt;
pub use backoff::{conflict_delay_ms, retry_delay_ms};
pub use batch::Worker;
pub use lapse::lapse_one;

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is in the ledger. The message can go.
    Done(Done),
    /// It may pass another time: deliver it again after that delay.
    Retry {
        /// In milliseconds.
        delay_ms: u64,
        /// Why.
        failure: Failure,
    },
    /// Trying again would not help: to the dead letters.
    Park(Failure),
}

/// How a message was done.
#[derive(Debug, PartialEq, Eq)]
pub enum Done {
    /// It was committed just now.
    Committed(Committed),
    /// The ledger had it already.
    Duplicate,
}

/// What a commit wrote, as far as others are told.
#[derive(Debug, PartialEq, Eq)]
pub struct Committed {
    /// What became of the event.
    pub outcome: Outcome,
    /// Whether edges are missing.
    pub ambiguous: bool,
    /// Whose account it concerns.
    pub user: Option<UserId>,
    /// The role changes to tell the user's sockets.
    pub changes: Vec<Change>,
}

/// Applies one message. `attempt` counts from 1; `clock` gives the time of each decision.
pub async fn apply<S: Store>(
    store: &S,
    policy: &Policy,
    message: &Message,
    attempt: u32,
    clock: impl Fn() -> Timestamp + Send,
) -> Verdict {
    let event = match Event::parse(message.event.clone(), message.kind, &message.body) {
        Ok(event) => event,
        Err(why) => return Verdict::Park(Failure::new(Cause::PayloadMalformed, &why)),
    };
    let origin = Origin { received_at: message.received_at, trace: message.trace.clone() };
    match attempt_commits(store, policy, &event, origin, clock).await {
        Ok(verdict) => verdict,
        Err(failure) => after_failure(failure, message, attempt),
    }
}

/// What a failure that may pass means for the message: another try, until there were enough.
#[must_use]
pub fn after_failure(failure: Failure, message: &Message, attempt: u32) -> Verdict {
    if attempt >= ATTEMPTS_MAX {
        return Verdict::Park(failure);
    }
    Verdict::Retry { delay_ms: retry_delay_ms(message.event.as_str(), attempt), failure }
}

/// Loads, decides and commits until nobody else commits in between.
async fn attempt_commits<S: Store>(
    store: &S,
    policy: &Policy,
    event: &Event,
    origin: Origin,
    clock: impl Fn() -> Timestamp + Send,
) -> Result<Verdict, Failure> {
    let mut keys = Keys {
        event: event.id.clone(),
        customer: event.customer.clone(),
        users: event.fact.user().cloned().into_iter().collect(),
    };
    let mut conflicts = 0;
    loop {
        let loaded = store.load(&keys).await.map_err(|why| Failure::new(why.cause(), &why))?;
        let mut commit = match decide(loaded, event, policy, clock()) {
            Decision::Commit(commit) => commit,
            Decision::Duplicate => return Ok(Verdict::Done(Done::Duplicate)),
            Decision::Park(failure) => return Ok(Verdict::Park(failure)),
            Decision::Load(user) => {
                keys.users.push(user);
                continue;
            }
        };
        commit.origin = Some(origin.clone());
        let committed = summary(&commit);
        match store.commit(*commit).await {
            Ok(()) => return Ok(Verdict::Done(Done::Committed(committed))),
            Err(StoreError::Duplicate) => return Ok(Verdict::Done(Done::Duplicate)),
            Err(why @ StoreError::TooLarge(_)) => {
                return Ok(Verdict::Park(Failure::new(why.cause(), &why)));
            }
            Err(StoreError::Conflict) if conflicts < CONFLICT_RETRIES_MAX => {
                conflicts += 1;
                let delay_ms = conflict_delay_ms(event.id.as_str(), conflicts);
                tokio::time::sleep(Duration::from_millis(delay_ms)).await;
            }
            Err(why) => return Err(Failure::new(why.cause(), &why)),
        }
    }
}

fn summary(commit: &Commit) -> Committed {
    Committed {
        outcome: commit.ledger.outcome,
        ambiguous: commit.ledger.ambiguous,
        user: commit.ledger.user.clone(),
        changes: commit.changes.clone(),
    }
}

/// Writes what became of a message into the log and the metrics: ids and codes, never a body.
pub fn record(message: &Message, verdict: &Verdict, now: Timestamp) {
    let (event, group) = (message.event.as_str(), &*message.group.0);
    let trace = message.trace.as_deref();
    match verdict {
        Verdict::Done(Done::Committed(done)) => {
            let user = done.user.as_ref().map(UserId::as_str);
            let outcome = done.outcome.as_str();
            tracing::info!(event, customer = group, user, outcome, trace, "processed");
            metrics::counter!("tierlift_events_total", "outcome" => outcome).increment(1);
            if done.ambiguous {
                metrics::counter!("tierlift_ambiguous_total").increment(1);
            }
            for change in &done.changes {
                let direction = if change.upgraded { "up" } else { "down" };
                metrics::counter!("tierlift_role_changes_total", "direction" => direction)
                    .increment(1);
            }
            metrics::histogram!("tierlift_queue_to_commit_seconds")
                .record(now.since(message.received_at).as_secs_f64());
        }
        Verdict::Done(Done::Duplicate) => {
            tracing::debug!(event, customer = group, outcome = "duplicate", trace, "processed");
            metrics::counter!("tierlift_events_total", "outcome" => "duplicate").increment(1);
        }
        Verdict::Retry { delay_ms, failure } => {
            let (cause, error) = (failure.cause.code(), &failure.error);
            tracing::warn!(
                event,
                customer = group,
                cause,
                error,
                delay_ms,
                trace,
                "will be tried again"
            );
            metrics::counter!("tierlift_events_total", "outcome" => "retried").increment(1);
        }
        Verdict::Park(failure) => {
            let (cause, error) = (failure.cause.code(), &failure.error);
            tracing::error!(
                event,
                customer = group,
                cause,
                error,
                trace,
                "parked as a dead letter"
            );
            metrics::counter!("tierlift_events_total", "outcome" => "parked").increment(1);
            metrics::counter!("tierlift_parked_total", "cause" => cause).increment(1);
        }
    }
}
