//! A verdict: the result of one attempt at a message.

use tierlift_core::{
    change::Change, decide::Commit, failure::Failure, id::UserId, ledger::Outcome,
    limits::ATTEMPTS_MAX, ports::Message,
};

use crate::retry_delay_ms;

/// The result of one attempt. What it means for the message is done by [`settle`](crate::settle).
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The event is in the ledger. The message can be deleted.
    Done(Done),
    /// The failure may pass: redeliver the message after the delay.
    Retry {
        /// In milliseconds.
        delay_ms: u64,
        /// The failure.
        failure: Failure,
    },
    /// Retrying does not help: move the message to the dead letters.
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

/// What a commit wrote, as far as logs, metrics and sockets are concerned.
#[derive(Debug, PartialEq, Eq)]
pub struct Committed {
    /// The event's outcome.
    pub outcome: Outcome,
    /// Whether edges are missing.
    pub ambiguous: bool,
    /// The users whose accounts it concerns.
    pub users: Vec<UserId>,
    /// The changes to push to the users' sockets.
    pub changes: Vec<Change>,
}

impl From<&Commit> for Committed {
    fn from(commit: &Commit) -> Self {
        Self {
            outcome: commit.ledger.outcome,
            ambiguous: commit.ledger.ambiguous,
            users: commit.ledger.owners.iter().map(|owner| owner.user.clone()).collect(),
            changes: commit.changes.clone(),
        }
    }
}

impl Verdict {
    /// The verdict on a failure that may pass: another attempt, until [`ATTEMPTS_MAX`] failed.
    #[must_use]
    pub fn after_failure(failure: Failure, message: &Message, attempt: u32) -> Self {
        if attempt >= ATTEMPTS_MAX {
            return Self::Park(failure);
        }
        Self::Retry { delay_ms: retry_delay_ms(message.event.as_str(), attempt), failure }
    }
}

#[cfg(test)]
mod tests {
    use tierlift_core::{
        codes::Code, id::EventId, ports::Group, stripe::event::Type, time::Timestamp,
    };

    use super::*;

    #[test]
    fn a_failure_is_retried_later_and_later_and_the_last_one_parks() {
        let event = EventId::new("evt_1").unwrap();
        let message = Message {
            group: Group::new(&event, None),
            event,
            kind: Type::CustomerUpdated,
            received_at: Timestamp::default(),
            trace: None,
            body: "{}".into(),
        };
        let failure = || Failure::new(Code::StoreUnavailable, &"away");
        for attempt in 1..ATTEMPTS_MAX {
            let delay_ms = retry_delay_ms("evt_1", attempt);
            let retry = Verdict::Retry { delay_ms, failure: failure() };
            assert_eq!(Verdict::after_failure(failure(), &message, attempt), retry, "{attempt}");
        }
        for attempt in [ATTEMPTS_MAX, ATTEMPTS_MAX + 1] {
            let verdict = Verdict::after_failure(failure(), &message, attempt);
            assert_eq!(verdict, Verdict::Park(failure()), "{attempt}");
        }
    }
}
