//! A scan of the dead-letter queue. SQS returns a message only by making it invisible for a while; when
//! the scan ends, every message that it received is made visible again, unless somebody holds it
//! ([`super::held`]).
//!
//! A dead letter that tierlift parked has its event as group, so that none hides another. One that SQS
//! moved is in its customer's group, where the dead letters hide each other, and has no failure record:
//! the first scan that sees it parks it again, as tierlift would have done.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::future::join_all;
use tierlift_core::{
    codes::Code,
    failure::FailureRecord,
    id::EventId,
    limits::{
        DEAD_AMONG_READ_MAX, DEAD_LETTERS_BYTES_PER_SCAN_MAX, DEAD_LETTERS_HIDDEN_SECS,
        DEAD_LETTERS_PER_SCAN_MAX, DEAD_LETTERS_RECEIVES_AT_ONCE_MAX, DEAD_LETTERS_WAIT_SECS,
        SQS_BATCH_MAX,
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
    /// Size of the bodies that were received, in bytes.
    bytes: usize,
    /// Receives at once: more, the longer the queue proves to be.
    at_once: usize,
}

impl DeadLetter {
    /// Its receipt handle.
    pub(super) fn handle(&self) -> &str {
        &self.handle
    }
}

impl<'a> DeadLetterScan<'a> {
    pub(super) const fn new(queue: &'a Queue) -> Self {
        Self { queue, handles: Vec::new(), bytes: 0, at_once: 1 }
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

    #[cfg(feature = "operations")]
    /// Every dead letter of each event. None is made visible again, but for those that were replaced.
    pub(super) async fn hold(&mut self) -> Result<HashMap<EventId, Vec<DeadLetter>>, QueueError> {
        let mut held: HashMap<EventId, Vec<DeadLetter>> = HashMap::new();
        loop {
            let received = self.next().await?;
            if received.is_empty() {
                return Ok(held);
            }
            for dead_letter in received {
                // What replaces it comes later.
                if !self.repark(&dead_letter).await {
                    let event = dead_letter.content.message.event.clone();
                    held.entry(event).or_default().push(dead_letter);
                }
            }
        }
    }

    /// Which of these events have a dead letter. What was received is in memory until the next receive only.
    pub(super) async fn find_among(
        &mut self,
        events: &BTreeSet<EventId>,
    ) -> Result<BTreeSet<EventId>, QueueError> {
        let mut found = BTreeSet::new();
        while found.len() < events.len() && self.handles.len() < DEAD_AMONG_READ_MAX {
            let received = self.next().await?;
            if received.is_empty() {
                break;
            }
            for dead_letter in received {
                self.repark(&dead_letter).await;
                found.extend(events.get(&dead_letter.content.message.event).cloned());
            }
        }
        Ok(found)
    }

    /// Redrives an event. All of its dead letters are found before one is sent, because the event may fail
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
        if found.is_empty() {
            return self.check_complete().map(|()| false);
        }
        self.queue.redrive_all(&found).await.map(|()| true)
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

    /// Whether it ended at its limit: an event may then be among the dead letters that were not read.
    pub(super) const fn is_full(&self) -> bool {
        self.handles.len() >= DEAD_LETTERS_PER_SCAN_MAX
            || self.bytes >= DEAD_LETTERS_BYTES_PER_SCAN_MAX
    }

    fn check_complete(&self) -> Result<(), QueueError> {
        if self.is_full() { Err(not_among_the_first()) } else { Ok(()) }
    }

    /// Makes everything visible again that was received and not deleted.
    pub(super) async fn end(self) {
        let handles: Vec<&str> = self.handles.iter().map(String::as_str).collect();
        self.queue.show_again(&handles).await;
    }

    /// The next dead letters that are recognized; empty at the end.
    async fn next(&mut self) -> Result<Vec<DeadLetter>, QueueError> {
        while !self.is_full() {
            let received = self.receive().await?;
            if received.is_empty() {
                break;
            }
            let dead_letters = self.read(received).await;
            if !dead_letters.is_empty() {
                return Ok(dead_letters);
            }
        }
        Ok(Vec::new())
    }

    /// Receives once or several times at once. Where all come back full, there are more at once the next time.
    async fn receive(&mut self) -> Result<Vec<ReceivedMessage>, QueueError> {
        let calls = (0..self.at_once).map(|_| {
            self.queue.receive_messages(ReceiveRequest {
                queue_url: &self.queue.dead_letter_queue_url,
                max: SQS_BATCH_MAX,
                wait_secs: DEAD_LETTERS_WAIT_SECS,
                visibility_secs: Some(DEAD_LETTERS_HIDDEN_SECS),
            })
        });
        let (mut messages, mut failed) = (Vec::new(), None);
        let mut all_full = true;
        for answer in join_all(calls).await {
            match answer {
                Ok(received) => {
                    all_full &= received.len() >= SQS_BATCH_MAX as usize;
                    messages.extend(received);
                }
                Err(error) => failed = Some(error),
            }
        }
        self.handles.extend(messages.iter().map(|message| message.handle.clone()));
        self.bytes += messages.iter().map(|message| message.envelope.body.len()).sum::<usize>();
        if all_full {
            self.at_once = (2 * self.at_once).min(DEAD_LETTERS_RECEIVES_AT_ONCE_MAX);
        }
        failed.map_or(Ok(messages), Err)
    }

    /// The recognized ones, each with what failed before.
    async fn read(&self, received: Vec<ReceivedMessage>) -> Vec<DeadLetter> {
        let mut recognized = Vec::new();
        for message in received {
            if let Some(content) = message.message() {
                recognized.push((message, content));
            } else {
                tracing::error!(message = message.id, "unrecognized dead letter skipped");
            }
        }
        let without = recognized.iter().filter(|(message, _)| failure_record(message).is_none());
        let mut ids: Vec<&str> = without.map(|(message, _)| message.id.as_str()).collect();
        ids.extend(recognized.iter().map(|(_, content)| content.event.as_str()));
        ids.sort_unstable();
        ids.dedup();
        let histories = self.queue.failures.load(&ids).await;
        let dead_letter = |(message, content)| dead_letter(message, content, &histories);
        recognized.into_iter().map(dead_letter).collect()
    }

    /// Parks a dead letter again that SQS moved here; returns whether another one replaces it now. If that fails,
    /// it stays as it is.
    async fn repark(&self, dead_letter: &DeadLetter) -> bool {
        if !dead_letter.moved_by_sqs {
            return false;
        }
        let DeadLetter { id, envelope, content, .. } = dead_letter;
        let event = content.message.event.as_str();
        let reparked = async {
            self.queue.send_dead_letter(event, id, envelope, &content.failure).await?;
            self.queue.delete_dead_letters(std::slice::from_ref(dead_letter)).await
        };
        match reparked.await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(event, %error, "dead letter stays in its customer's group");
                false
            }
        }
    }
}

/// Where a scan ended at its limit.
pub(super) fn not_among_the_first() -> QueueError {
    let message = format!("not among the first {DEAD_LETTERS_PER_SCAN_MAX} dead letters");
    QueueError::Unavailable(message.into())
}

fn dead_letter(
    received: ReceivedMessage,
    message: Message,
    histories: &HashMap<String, DeliveryHistory>,
) -> DeadLetter {
    let history = |id: &str| histories.get(id).cloned().unwrap_or_default();
    let failure = failure_record(&received)
        .or_else(|| history(&received.id).into_failure_record())
        .unwrap_or_else(|| exhausted(&received, &message));
    let failure = failure.with_earlier(&history(message.event.as_str()).earlier);
    DeadLetter {
        moved_by_sqs: received.group != *sqs_id(message.event.as_str()),
        content: ports::DeadLetter { message, failure },
        id: received.id,
        sent_at: received.sent_at,
        handle: received.handle,
        envelope: received.envelope,
    }
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
