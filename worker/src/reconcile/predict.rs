//! What an observation would do, by the same decision that is committed later. Nothing is written.

use tierlift_core::{
    codes::Code,
    decide::{Decision, LoadKeys, decide},
    failure::Failure,
    ledger::Outcome,
    limits::DECISION_LOADS_MAX,
    policy::Policy,
    ports::{Message, Store, StoreError},
    stripe::event::Event,
    time::Timestamp,
};

/// What an observation would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prediction {
    /// Nothing that anybody would notice.
    Right,
    /// An account changes.
    Fixes,
    /// It would earn something, and no user is known.
    Unowned,
    /// It cannot be applied.
    Parked(Failure),
}

/// Predicts what a message would do now.
pub async fn predict<S: Store>(
    store: &S,
    policy: &Policy,
    message: &Message,
    now: Timestamp,
) -> Result<Prediction, StoreError> {
    let (id, keys) = (message.event.clone(), &policy.user_id_keys);
    let event = match Event::parse(id, message.kind, &message.body, keys) {
        Ok(event) => event,
        Err(error) => return Ok(Prediction::Parked(Failure::new(error.code(), &error))),
    };
    let mut keys = LoadKeys::new(&event);
    for _ in 0..=DECISION_LOADS_MAX {
        match decide(store.load(&keys).await?, &event, policy, now) {
            Decision::Load(more) => keys = *more,
            Decision::Park(failure) => return Ok(Prediction::Parked(failure)),
            Decision::Commit(commit) if !commit.changes.is_empty() => return Ok(Prediction::Fixes),
            Decision::Commit(commit) if commit.ledger.outcome == Outcome::Waiting => {
                return Ok(Prediction::Unowned);
            }
            Decision::Duplicate | Decision::Commit(_) => return Ok(Prediction::Right),
        }
    }
    Ok(Prediction::Parked(Failure::new(Code::StoreConflict, &StoreError::Conflict)))
}
