//! A verdict: the result of one attempt at a message.

use tierlift_core::{
    change::{Change, DeliveryContext},
    decide::Commit,
    failure::Failure,
    id::UserId,
    ledger::Outcome,
    limits::ATTEMPTS_MAX,
    ports::Delivery,
};

use crate::retry_delay_ms;

/// The result of one attempt. What it means for the message is done by [`settle`](crate::settle).
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The event is in the ledger. The message can be deleted.
    Done(Done),
    /// The event may be the reason: redeliver its message after the delay, the attempt counted.
    Retry {
        /// In milliseconds.
        delay_ms: u64,
        /// The failure.
        failure: Failure,
    },
    /// The event is not the reason, and the failure passes by itself: redeliver its message after the delay,
    /// as often as it takes.
    Release {
        /// In milliseconds.
        delay_ms: u64,
        /// The failure.
        failure: Failure,
    },
    /// Nothing failed, and it is too early: redeliver its message after the delay.
    Wait {
        /// In milliseconds.
        delay_ms: u64,
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
    /// What the notices of these changes continue.
    pub context: Option<DeliveryContext>,
}

impl From<&Commit> for Committed {
    fn from(commit: &Commit) -> Self {
        Self {
            outcome: commit.ledger.outcome,
            ambiguous: commit.ledger.ambiguous,
            users: commit.ledger.owners.iter().map(|owner| owner.user.clone()).collect(),
            changes: commit.changes.clone(),
            context: commit.context.clone(),
        }
    }
}

impl Verdict {
    /// What became of the event, as metrics and spans name it.
    #[must_use]
    pub const fn outcome(&self) -> &'static str {
        match self {
            Self::Done(Done::Committed(committed)) => committed.outcome.as_str(),
            Self::Done(Done::Duplicate) => "duplicate",
            Self::Retry { .. } => "retried",
            Self::Release { .. } => "released",
            Self::Wait { .. } => "waits",
            Self::Park(_) => "parked",
        }
    }

    /// The verdict on a failure of which the event may be the reason: another attempt, until
    /// [`ATTEMPTS_MAX`] failed.
    #[must_use]
    pub fn after_failure(failure: Failure, delivery: &Delivery) -> Self {
        if delivery.attempt >= ATTEMPTS_MAX {
            return Self::Park(failure);
        }
        Self::Retry { delay_ms: delay_ms(delivery), failure }
    }

    /// The verdict on a failure of which the event is not the reason, such as an unavailable store. It counts
    /// against no event, and never parks one.
    #[must_use]
    pub fn after_outage(failure: Failure, delivery: &Delivery) -> Self {
        Self::Release { delay_ms: delay_ms(delivery), failure }
    }
}

fn delay_ms(delivery: &Delivery) -> u64 {
    retry_delay_ms(delivery.message.event.as_str(), delivery.deliveries)
}

#[cfg(test)]
mod tests {
    use tierlift_core::{
        codes::Code,
        id::EventId,
        limits::RETRY_DELAY_MS_MAX,
        ports::{Group, Message, Receipt},
        stripe::event::Type,
        time::Timestamp,
    };

    use super::*;

    fn delivery(attempt: u32, deliveries: u32) -> Delivery {
        let event = EventId::new("evt_1").unwrap();
        let message = Message {
            group: Group::new(&event, None),
            event,
            kind: Type::CustomerUpdated,
            received_at: Timestamp::default(),
            trace: None,
            body: "{}".into(),
        };
        Delivery { receipt: Receipt("1".to_owned()), message, attempt, deliveries }
    }

    fn failure() -> Failure {
        Failure::new(Code::WorkerPanicked, &"a defect")
    }

    #[test]
    fn a_failure_is_retried_later_and_later_and_the_last_one_parks() {
        for attempt in 1..ATTEMPTS_MAX {
            let delay_ms = retry_delay_ms("evt_1", attempt);
            let retry = Verdict::Retry { delay_ms, failure: failure() };
            let verdict = Verdict::after_failure(failure(), &delivery(attempt, attempt));
            assert_eq!(verdict, retry, "{attempt}");
        }
        for attempt in [ATTEMPTS_MAX, ATTEMPTS_MAX + 1] {
            let verdict = Verdict::after_failure(failure(), &delivery(attempt, attempt));
            assert_eq!(verdict, Verdict::Park(failure()), "{attempt}");
        }
    }

    #[test]
    fn an_outage_is_waited_for_later_and_later_and_parks_nothing() {
        for deliveries in [1, 2, 3, ATTEMPTS_MAX, 1_000, u32::MAX] {
            // Not even the last attempt of an event that failed before.
            let verdict = Verdict::after_outage(failure(), &delivery(ATTEMPTS_MAX, deliveries));
            let delay_ms = retry_delay_ms("evt_1", deliveries);
            assert!(delay_ms <= RETRY_DELAY_MS_MAX);
            assert_eq!(verdict, Verdict::Release { delay_ms, failure: failure() }, "{deliveries}");
        }
    }
}
