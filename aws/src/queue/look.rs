//! A look at the dead letters. SQS shows letters only by hiding them for a while; a look puts them
//! back when it ends.
//!
//! A letter of ours is alone in its group, so that none hides another. One that SQS itself moved
//! shares its customer's group and says nothing of its failure: the first look parks it anew.

use std::collections::{BTreeMap, HashMap};

use tierlift_core::{
    codes::Code,
    failure::FailureRecord,
    id::EventId,
    limits::{DEAD_LETTERS_HIDDEN_SECS, DEAD_LETTERS_PER_SCAN_MAX, SQS_BATCH_MAX},
    ports::{DeadLetter, Message, QueueError},
    time::Timestamp,
};

use super::{
    Queue,
    answer::Answer,
    envelope::{Envelope, failure_of},
    failures::Known,
    raw::Raw,
    receive::Ask,
    text::sqs_id,
};

/// How long a look waits for letters: SQS asks all of its servers only if it may wait.
const WAIT_SECS: u64 = 1;

/// A letter that can be read.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    /// SQS's id of the letter.
    pub(super) id: String,
    /// When it was sent.
    pub(super) sent_at: Timestamp,
    /// What it says.
    pub(super) dead: DeadLetter,
    handle: String,
    envelope: Envelope,
    /// SQS itself moved it here.
    moved: bool,
}

/// A look in progress.
pub(super) struct Look<'a> {
    queue: &'a Queue,
    /// The handles of all that it saw.
    seen: Vec<String>,
}

impl<'a> Look<'a> {
    pub(super) const fn at(queue: &'a Queue) -> Self {
        Self { queue, seen: Vec::new() }
    }

    /// The latest letter of each event, until there are enough.
    pub(super) async fn gather(&mut self, max: usize) -> Result<Vec<Letter>, QueueError> {
        let mut letters: BTreeMap<EventId, Letter> = BTreeMap::new();
        while letters.len() < max {
            let more = self.next().await?;
            if more.is_empty() {
                break;
            }
            for letter in more {
                self.adopt(&letter).await;
                let known = letters.entry(letter.dead.message.event.clone());
                let known = known.or_insert_with(|| letter.clone());
                if letter.dead.failure.last_at > known.dead.failure.last_at {
                    *known = letter;
                }
            }
        }
        Ok(letters.into_values().collect())
    }

    /// Sends the event's letter back, and removes every letter of it. A resend of the event may have
    /// failed, too, so there may be several. All are seen before one is sent: what fails again is a
    /// letter again within moments, and that one must stay.
    pub(super) async fn redrive(&mut self, event: &EventId) -> Result<bool, QueueError> {
        let letters = self.all_of(event).await?;
        let Some(latest) = letters.iter().max_by_key(|letter| letter.sent_at) else {
            return self.none_of_all();
        };
        self.queue.resend(latest).await?;
        for letter in &letters {
            self.remove(letter).await?;
        }
        Ok(true)
    }

    /// The event's latest letter.
    pub(super) async fn find(&mut self, event: &EventId) -> Result<Option<Letter>, QueueError> {
        let letters = self.all_of(event).await?;
        match letters.into_iter().max_by_key(|letter| letter.sent_at) {
            Some(latest) => Ok(Some(latest)),
            None => self.none_of_all().map(|_| None),
        }
    }

    async fn all_of(&mut self, event: &EventId) -> Result<Vec<Letter>, QueueError> {
        let mut found = Vec::new();
        loop {
            let letters = self.next().await?;
            if letters.is_empty() {
                return Ok(found);
            }
            for letter in letters {
                if letter.dead.message.event == *event {
                    found.push(letter);
                } else {
                    self.adopt(&letter).await;
                }
            }
        }
    }

    /// That there is no such letter can be said only if all were seen.
    fn none_of_all(&self) -> Result<bool, QueueError> {
        if self.seen.len() >= DEAD_LETTERS_PER_SCAN_MAX {
            let words = format!("not among the first {DEAD_LETTERS_PER_SCAN_MAX} dead letters");
            return Err(QueueError::Unavailable(words.into()));
        }
        Ok(false)
    }

    /// Everything that was seen and is still there comes back.
    pub(super) async fn end(self) {
        let handles: Vec<&str> = self.seen.iter().map(String::as_str).collect();
        let put_back = self.queue.answer(&self.queue.letters, Answer::HideSecs(0), &handles).await;
        if let Err(error) = put_back {
            tracing::warn!(%error, "dead letters stay hidden for a while");
        }
    }

    /// The next letters that can be read; none at the end.
    async fn next(&mut self) -> Result<Vec<Letter>, QueueError> {
        while self.seen.len() < DEAD_LETTERS_PER_SCAN_MAX {
            let ask = Ask {
                url: &self.queue.letters,
                max: SQS_BATCH_MAX,
                wait_secs: WAIT_SECS,
                hide_secs: Some(DEAD_LETTERS_HIDDEN_SECS),
            };
            let raws = self.queue.take(ask).await?;
            if raws.is_empty() {
                break;
            }
            self.seen.extend(raws.iter().map(|raw| raw.handle.clone()));
            let letters = self.open(raws).await;
            if !letters.is_empty() {
                return Ok(letters);
            }
        }
        Ok(Vec::new())
    }

    async fn open(&self, raws: Vec<Raw>) -> Vec<Letter> {
        let silent = raws.iter().filter(|raw| said(raw).is_none());
        let silent: Vec<&str> = silent.map(|raw| raw.id.as_str()).collect();
        let mut known = self.queue.failures.known(&silent).await;
        raws.into_iter().filter_map(|raw| letter(raw, &mut known)).collect()
    }

    /// Parks a letter anew that SQS moved here. Where that fails it stays as it is.
    async fn adopt(&self, letter: &Letter) {
        if !letter.moved {
            return;
        }
        let (event, failure) = (letter.dead.message.event.as_str(), &letter.dead.failure);
        let adopted = async {
            self.queue.post(event, &letter.id, &letter.envelope, failure).await?;
            self.remove(letter).await
        };
        if let Err(error) = adopted.await {
            tracing::warn!(event, %error, "a letter that SQS moved stays in its group");
        }
    }

    async fn remove(&self, letter: &Letter) -> Result<(), QueueError> {
        self.queue.answer(&self.queue.letters, Answer::Delete, &[&letter.handle]).await
    }
}

fn letter(raw: Raw, known: &mut HashMap<String, Known>) -> Option<Letter> {
    let Some(message) = raw.message() else {
        tracing::error!(message = raw.id, "a dead letter is none of ours and stays");
        return None;
    };
    let failure = said(&raw)
        .or_else(|| known.remove(&raw.id)?.record())
        .unwrap_or_else(|| exhausted(&raw, &message));
    Some(Letter {
        moved: raw.group != *sqs_id(message.event.as_str()),
        dead: DeadLetter { message, failure },
        id: raw.id,
        sent_at: raw.sent_at,
        handle: raw.handle,
        envelope: raw.envelope,
    })
}

fn said(raw: &Raw) -> Option<FailureRecord> {
    failure_of(&raw.envelope.attributes, raw.sent_at)
}

/// Nobody ever answered for it. This look is a delivery, too.
fn exhausted(raw: &Raw, message: &Message) -> FailureRecord {
    FailureRecord {
        cause: Code::DeliveryExhausted,
        attempts: raw.receives.saturating_sub(1).max(1),
        first_at: message.received_at,
        last_at: raw.sent_at.max(message.received_at),
        last_error: "SQS gave it up: nobody answered for any of its deliveries".to_owned(),
    }
}
