//! Load, decide, commit: one message against the store.

use std::time::Duration;

use tierlift_core::{
    change::DeliveryContext,
    codes::Code,
    decide::{Decision, LoadKeys, decide},
    failure::Failure,
    limits::{CONFLICT_RETRIES_MAX, CREATED_AHEAD_SECS_MAX, DECISION_LOADS_MAX},
    policy::Policy,
    ports::{Delivery, Message, Store, StoreError},
    stripe::event::Event,
    time::{Clock, Timestamp},
};

use crate::{Committed, Done, Verdict, conflict_delay_ms};

/// Applies one message. `trace` is the trace context that the commit hands on; `clock` gives the time of each decision.
pub async fn apply<S: Store>(
    store: &S,
    policy: &Policy,
    delivery: &Delivery,
    trace: Option<String>,
    clock: &Clock,
) -> Verdict {
    let event = match read(&delivery.message, policy) {
        Ok(event) => event,
        Err(failure) => return Verdict::Park(failure),
    };
    let context = DeliveryContext { received_at: delivery.message.received_at, trace };
    match attempt_commits(store, policy, (&event, delivery), &context, clock).await {
        Ok(verdict) => verdict,
        // The store is unavailable, or other writers are faster: neither is about this event.
        Err(error) => Verdict::after_outage(failure(&error), delivery),
    }
}

/// Decides on a message as [`apply`] would, and commits nothing. It says what would become of the message if
/// it were applied now.
pub async fn decide_only<S: Store>(
    store: &S,
    policy: &Policy,
    message: &Message,
    now: Timestamp,
) -> Result<Decision, StoreError> {
    let event = match read(message, policy) {
        Ok(event) => event,
        Err(failure) => return Ok(Decision::Park(failure)),
    };
    decide_loaded(store, policy, &event, &mut LoadKeys::new(&event), now).await
}

/// The event of a message, if it can be applied at all.
fn read(message: &Message, policy: &Policy) -> Result<Event, Failure> {
    let (id, keys) = (message.event.clone(), &policy.user_id_keys);
    let event = Event::parse(id, message.kind, &message.body, keys)
        .map_err(|error| Failure::new(error.code(), &error))?;
    check_created(&event, message)?;
    Ok(event)
}

/// Loads what the decision needs, and decides. `keys` grow by what it asks for. What leads from one row to the
/// next may change faster than it can be followed; it still asks then.
async fn decide_loaded<S: Store>(
    store: &S,
    policy: &Policy,
    event: &Event,
    keys: &mut LoadKeys,
    now: Timestamp,
) -> Result<Decision, StoreError> {
    let mut loads = 0;
    loop {
        let loaded = match store.load(keys).await {
            Ok(loaded) => loaded,
            Err(error @ StoreError::Corrupt(_)) => return Ok(Decision::Park(failure(&error))),
            Err(error) => return Err(error),
        };
        match decide(loaded, event, policy, now) {
            Decision::Load(more) if loads < DECISION_LOADS_MAX => {
                loads += 1;
                *keys = *more;
            }
            decision @ (Decision::Commit(_)
            | Decision::Duplicate
            | Decision::Load(_)
            | Decision::Park(_)) => return Ok(decision),
        }
    }
}

/// Refuses a live event that was created long after it arrived: of all later events it would be the latest.
/// Test events may come from a test clock, which runs ahead.
fn check_created(event: &Event, message: &Message) -> Result<(), Failure> {
    let latest = message.received_at.plus_secs(CREATED_AHEAD_SECS_MAX);
    if !event.livemode || event.created <= latest {
        return Ok(());
    }
    let (created, received) = (event.created, message.received_at);
    let error = format!("created at {created}, long after it arrived at {received}");
    Err(Failure::new(Code::EventFuture, &error))
}

/// Loads, decides and commits until no other writer commits in between.
async fn attempt_commits<S: Store>(
    store: &S,
    policy: &Policy,
    (event, delivery): (&Event, &Delivery),
    context: &DeliveryContext,
    clock: &Clock,
) -> Result<Verdict, StoreError> {
    let mut keys = LoadKeys::new(event);
    let mut conflicts = 0;
    loop {
        let mut commit = match decide_loaded(store, policy, event, &mut keys, clock.now()).await? {
            Decision::Commit(commit) => commit,
            Decision::Duplicate => return Ok(Verdict::Done(Done::Duplicate)),
            Decision::Park(failure) => return Ok(Verdict::Park(failure)),
            Decision::Load(_) => {
                return Ok(Verdict::after_failure(failure(&StoreError::Conflict), delivery));
            }
        };
        commit.context = Some(context.clone());
        let committed = Committed::from(&*commit);
        match store.commit(*commit).await {
            Ok(()) => return Ok(Verdict::Done(Done::Committed(committed))),
            Err(StoreError::Duplicate) => return Ok(Verdict::Done(Done::Duplicate)),
            Err(error @ (StoreError::TooLarge(_) | StoreError::Corrupt(_))) => {
                return Ok(park(&error));
            }
            Err(StoreError::Conflict) if conflicts < CONFLICT_RETRIES_MAX => {
                conflicts += 1;
                let delay_ms = conflict_delay_ms(event.id.as_str(), conflicts);
                tokio::time::sleep(Duration::from_millis(delay_ms)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

fn failure(error: &StoreError) -> Failure {
    Failure::new(error.cause(), error)
}

/// Retrying does not help: the store refuses what was decided, or cannot read what it has.
fn park(error: &StoreError) -> Verdict {
    Verdict::Park(failure(error))
}

#[cfg(test)]
#[path = "apply_tests.rs"]
mod tests;
