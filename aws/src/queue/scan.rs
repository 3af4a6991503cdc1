//! A scan of the dead-letter queue. SQS returns a message only by making it invisible for a while; when
//! the scan ends, every message that it received is made visible again.
//!
//! A dead letter that tierlift parked has its event as group, so that none hides another. One that SQS
//! moved is in its customer's group, where the dead letters hide each other, and has no failure record:
//! the first scan that sees it parks it again, as tierlift would have done.

use std::collections::{BTreeMap, HashMap};

use tierlift_core::{
    codes::Code,
    failure::FailureRecord,
    id::EventId,
    limits::{
        DEAD_LETTERS_HIDDEN_SECS, DEAD_LETTERS_PER_SCAN_MAX, DEAD_LETTERS_WAIT_SECS, SQS_BATCH_MAX,
    },
    ports::{self, Message, QueueError},
    time::Timestamp,
};

use super::{
    Queue,
    envelope::{Envelope, parse_failure},
    failures::DeliveryHistory,
    receive::ReceiveRequest,
    received::ReceivedMessage,
    settle::Disposition,
    text::sqs_id,
};

/// A dead letter that was received and recognized.
#[derive(Clone, Debug)]
pub(super) struct DeadLetter {
    /// SQS message id of the dead letter.
    pub(super) id: String,
    /// Time at which it was sent.
    pub(super) sent_at: Timestamp,
    /// Its message and failure record.
    pub(super) content: ports::DeadLetter,
    handle: String,
    envelope: Envelope,
    /// Whether SQS moved it here, after too many receives.
    moved_by_sqs: bool,
}

/// A scan in progress.
pub(super) struct DeadLetterScan<'a> {
    queue: &'a Queue,
    /// Receipt handles of everything that was received.
    handles: Vec<String>,
}

impl<'a> DeadLetterScan<'a> {
    pub(super) const fn new(queue: &'a Queue) -> Self {
        Self { queue, handles: Vec::new() }
    }

    /// The dead letter of each event that failed last, until there are `max` events.
    pub(super) async fn collect(&mut self, max: usize) -> Result<Vec<DeadLetter>, QueueError> {
        let mut by_event: BTreeMap<EventId, DeadLetter> = BTreeMap::new();
        while by_event.len() < max {
            let received = self.next().await?;
            if received.is_empty() {
                break;
            }
            for dead_letter in received {
                self.repark(&dead_letter).await;
                let event = dead_letter.content.message.event.clone();
                let known = by_event.entry(event).or_insert_with(|| dead_letter.clone());
                if dead_letter.content.failure.last_at > known.content.failure.last_at {
                    *known = dead_letter;
                }
            }
        }
        Ok(by_event.into_values().collect())
    }

    /// Redrives the event's latest dead letter and deletes all of them: Stripe may have resent the
    /// event, so there may be several. All are found before one is sent, because the event may fail
    /// again within moments, and that new dead letter must stay.
    pub(super) async fn redrive(&mut self, event: &EventId) -> Result<bool, QueueError> {
        let mut found = Vec::new();
        loop {
            let received = self.next().await?;
            if received.is_empty() {
                break;
            }
            found.extend(self.of_event(received, event).await);
        }
        let Some(latest) = found.iter().max_by_key(|dead_letter| dead_letter.sent_at) else {
            return self.check_complete().map(|()| false);
        };
        self.queue.send_redriven(latest).await?;
        for dead_letter in &found {
            self.delete(dead_letter).await?;
        }
        Ok(true)
    }

    /// The first dead letter of an event; of several that are received together, the latest.
    pub(super) async fn find(&mut self, event: &EventId) -> Result<Option<DeadLetter>, QueueError> {
        loop {
            let received = self.next().await?;
            if received.is_empty() {
                return self.check_complete().map(|()| None);
            }
            let found = self.of_event(received, event).await;
            if let Some(latest) = found.into_iter().max_by_key(|dead_letter| dead_letter.sent_at) {
                return Ok(Some(latest));
            }
        }
    }

    /// The dead letters of one event. Others that SQS moved are parked again, so that those behind
    /// them in their group are seen.
    async fn of_event(&self, received: Vec<DeadLetter>, event: &EventId) -> Vec<DeadLetter> {
        let mut found = Vec::new();
        for dead_letter in received {
            if dead_letter.content.message.event == *event {
                found.push(dead_letter);
            } else {
                self.repark(&dead_letter).await;
            }
        }
        found
    }

    /// An error where the scan ended at its limit: an event may then be among the dead letters that
    /// were not read.
    fn check_complete(&self) -> Result<(), QueueError> {
        if self.handles.len() < DEAD_LETTERS_PER_SCAN_MAX {
            return Ok(());
        }
        let message = format!("not among the first {DEAD_LETTERS_PER_SCAN_MAX} dead letters");
        Err(QueueError::Unavailable(message.into()))
    }

    /// Makes everything visible again that was received and not deleted.
    pub(super) async fn end(self) {
        let handles: Vec<&str> = self.handles.iter().map(String::as_str).collect();
        let queue_url = &self.queue.dead_letter_queue_url;
        let visible = Disposition::RedeliverAfterSecs(0);
        if let Err(error) = self.queue.settle(queue_url, visible, &handles).await {
            tracing::warn!(%error, "scan not ended, dead letters stay invisible for a while");
        }
    }

    /// The next dead letters that are recognized; empty at the end.
    async fn next(&mut self) -> Result<Vec<DeadLetter>, QueueError> {
        while self.handles.len() < DEAD_LETTERS_PER_SCAN_MAX {
            let request = ReceiveRequest {
                queue_url: &self.queue.dead_letter_queue_url,
                max: SQS_BATCH_MAX,
                wait_secs: DEAD_LETTERS_WAIT_SECS,
                visibility_secs: Some(DEAD_LETTERS_HIDDEN_SECS),
            };
            let received = self.queue.receive_messages(request).await?;
            if received.is_empty() {
                break;
            }
            self.handles.extend(received.iter().map(|message| message.handle.clone()));
            let dead_letters = self.read(received).await;
            if !dead_letters.is_empty() {
                return Ok(dead_letters);
            }
        }
        Ok(Vec::new())
    }

    async fn read(&self, received: Vec<ReceivedMessage>) -> Vec<DeadLetter> {
        let without = received.iter().filter(|message| failure_record(message).is_none());
        let ids: Vec<&str> = without.map(|message| message.id.as_str()).collect();
        let mut histories = self.queue.failures.load(&ids).await;
        received.into_iter().filter_map(|message| parse(message, &mut histories)).collect()
    }

    /// Parks a dead letter again that SQS moved here. If that fails, it stays as it is.
    async fn repark(&self, dead_letter: &DeadLetter) {
        if !dead_letter.moved_by_sqs {
            return;
        }
        let DeadLetter { id, envelope, content, .. } = dead_letter;
        let event = content.message.event.as_str();
        let reparked = async {
            self.queue.send_dead_letter(event, id, envelope, &content.failure).await?;
            self.delete(dead_letter).await
        };
        if let Err(error) = reparked.await {
            tracing::warn!(event, %error, "dead letter stays in its customer's group");
        }
    }

    async fn delete(&self, dead_letter: &DeadLetter) -> Result<(), QueueError> {
        let queue_url = &self.queue.dead_letter_queue_url;
        self.queue.settle(queue_url, Disposition::Delete, &[&dead_letter.handle]).await
    }
}

fn parse(
    received: ReceivedMessage,
    histories: &mut HashMap<String, DeliveryHistory>,
) -> Option<DeadLetter> {
    let Some(message) = received.message() else {
        tracing::error!(message = received.id, "unrecognized dead letter skipped");
        return None;
    };
    let failure = failure_record(&received)
        .or_else(|| histories.remove(&received.id)?.into_failure_record())
        .unwrap_or_else(|| exhausted(&received, &message));
    Some(DeadLetter {
        moved_by_sqs: received.group != *sqs_id(message.event.as_str()),
        content: ports::DeadLetter { message, failure },
        id: received.id,
        sent_at: received.sent_at,
        handle: received.handle,
        envelope: received.envelope,
    })
}

fn failure_record(received: &ReceivedMessage) -> Option<FailureRecord> {
    parse_failure(&received.envelope.attributes, received.sent_at)
}

/// The failure record of a message that SQS moved and whose deliveries were never settled.
fn exhausted(received: &ReceivedMessage, message: &Message) -> FailureRecord {
    FailureRecord {
        cause: Code::DeliveryExhausted,
        // This receive counts as well.
        attempts: received.receive_count.saturating_sub(1).max(1),
        first_at: message.received_at,
        last_at: received.sent_at.max(message.received_at),
        last_error: "SQS moved the message: none of its deliveries was settled".to_owned(),
        earlier: Vec::new(),
    }
}
