//! Dead letters that an operator's process holds while it redrives or discards some of them: they stay invisible, so
//! that each can be deleted once it is handled, and no other operator handles it meanwhile.
//!
//! SQS has no lookup, so a redrive of many would scan the whole queue for each. One scan serves as many as fit into
//! the time for which SQS hides a message; then they are received again. A process that is killed hides them for no
//! longer than that.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use tierlift_core::{
    id::EventId,
    limits::{DEAD_LETTERS_HELD_MARGIN_SECS, DEAD_LETTERS_HIDDEN_SECS},
    ports::{self, QueueError},
    time::Timestamp,
};
use tokio::time::Instant;

use super::{
    Queue,
    envelope::Envelope,
    failures::DeliveryHistory,
    scan::{DeadLetter, DeadLetterScan, not_among_the_first},
};

/// Dead letters that are held.
#[derive(Debug)]
pub(crate) struct Held {
    dead_letters: HashMap<EventId, Vec<DeadLetter>>,
    /// Time until which they can be deleted.
    until: Instant,
    /// Whether there may be more than the scan read.
    is_partial: bool,
}

impl Held {
    /// Whether they can still be deleted.
    pub(crate) fn is_valid(&self) -> bool {
        Instant::now() < self.until
    }

    /// Takes the dead letters of an event; none if there are none. An error where the scan did not read all.
    pub(crate) fn take(&mut self, event: &EventId) -> Result<Option<HeldEvent>, QueueError> {
        match self.dead_letters.remove(event) {
            Some(dead_letters) => Ok(Some(HeldEvent(dead_letters))),
            None if self.is_partial => Err(not_among_the_first()),
            None => Ok(None),
        }
    }

    /// Returns what was taken and not handled.
    pub(crate) fn put(&mut self, HeldEvent(dead_letters): HeldEvent) {
        if let Some(first) = dead_letters.first() {
            self.dead_letters.insert(first.content.message.event.clone(), dead_letters);
        }
    }
}

/// The dead letters of one event, of which there may be several.
#[derive(Debug)]
pub(crate) struct HeldEvent(Vec<DeadLetter>);

impl HeldEvent {
    /// The latest one.
    pub(crate) fn latest(&self) -> Option<&ports::DeadLetter> {
        let latest = self.0.iter().max_by_key(|dead_letter| dead_letter.sent_at);
        latest.map(|dead_letter| &dead_letter.content)
    }
}

/// A dead letter in a list, with its place: those that are sent later have later places.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) sent_at: Timestamp,
    /// SQS message id, since several may be sent in one millisecond.
    pub(crate) id: String,
    pub(crate) content: ports::DeadLetter,
}

impl Queue {
    /// The latest dead letter of each event, in no order. None stays hidden.
    pub(crate) async fn all_dead_letters(&self) -> Result<Vec<Placed>, QueueError> {
        let mut scan = DeadLetterScan::new(self);
        let collected = scan.collect(usize::MAX).await;
        scan.end().await;
        let placed = |DeadLetter { sent_at, id, content, .. }| Placed { sent_at, id, content };
        Ok(collected?.into_iter().map(placed).collect())
    }

    /// Holds all dead letters.
    pub(crate) async fn hold(&self) -> Result<Held, QueueError> {
        let secs = DEAD_LETTERS_HIDDEN_SECS.saturating_sub(DEAD_LETTERS_HELD_MARGIN_SECS);
        let until = Instant::now() + Duration::from_secs(secs);
        let mut scan = DeadLetterScan::new(self);
        match scan.hold().await {
            Ok(dead_letters) => Ok(Held { dead_letters, until, is_partial: scan.is_full() }),
            Err(error) => {
                scan.end().await;
                Err(error)
            }
        }
    }

    /// Makes what is held visible again.
    pub(crate) async fn let_go(&self, held: Held) {
        let held = held.dead_letters.values().flatten();
        let handles: Vec<&str> = held.map(DeadLetter::handle).collect();
        self.show_again(&handles).await;
    }

    /// Redrives an event.
    pub(crate) async fn redrive_held(&self, event: &HeldEvent) -> Result<(), QueueError> {
        self.redrive_all(&event.0).await
    }

    /// Deletes the dead letters of an event.
    pub(crate) async fn delete_held(&self, event: &HeldEvent) -> Result<(), QueueError> {
        self.delete_dead_letters(&event.0).await
    }

    /// Those of these events that were parked since they were last redriven.
    pub(crate) async fn parked(&self, events: &[EventId]) -> Result<HashSet<EventId>, QueueError> {
        let ids: Vec<&str> = events.iter().map(EventId::as_str).collect();
        let histories = self.failures.load_all(&ids).await.map_err(QueueError::Unavailable)?;
        let is_parked = |event: &&EventId| {
            histories.get(event.as_str()).is_some_and(DeliveryHistory::is_parked)
        };
        Ok(events.iter().filter(is_parked).cloned().collect())
    }

    /// Makes a message a dead letter again. `id` is for SQS, which drops a repeat within five minutes.
    pub(crate) async fn bring_back(
        &self,
        ports::DeadLetter { message, failure }: &ports::DeadLetter,
        id: &str,
    ) -> Result<(), QueueError> {
        let envelope = Envelope::new(message);
        self.send_dead_letter(message.event.as_str(), id, &envelope, failure).await
    }
}
