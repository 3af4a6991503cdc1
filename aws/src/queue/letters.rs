//! How messages become dead letters, and how they come back.

use tierlift_core::{
    codes::Code,
    failure::{Failure, FailureRecord},
    id::EventId,
    ports::{DeadLetter, Delivery, QueueError},
};

use super::{
    Queue,
    answer::Answer,
    code,
    envelope::{Detail, Envelope},
    look::{Letter, Look},
    raw::{Raw, parts},
    send, unavailable,
};

impl Queue {
    pub(super) async fn parked(
        &self,
        delivery: &Delivery,
        failure: Failure,
    ) -> Result<(), QueueError> {
        let (id, handle) = parts(&delivery.receipt);
        let known = if delivery.attempt > 1 { self.record_of(id).await } else { None };
        let record = FailureRecord::after(known.as_ref(), failure, self.clock.now());
        let envelope = Envelope::of(&delivery.message);
        self.post(delivery.message.event.as_str(), id, &envelope, &record).await?;
        self.answer(&self.producer.url, Answer::Delete, &[handle]).await
    }

    async fn record_of(&self, id: &str) -> Option<FailureRecord> {
        self.failures.known(&[id]).await.remove(id)?.record()
    }

    /// What is none of ours goes as it is.
    pub(super) async fn park_foreign(&self, raw: &Raw) -> Result<(), QueueError> {
        let words = "the message is none of ours, and its body is no webhook that we act on";
        let failure = Failure::new(Code::PayloadMalformed, &words);
        tracing::error!(message = raw.id, cause = failure.cause.as_str(), "{words}");
        let record = FailureRecord::after(None, failure, self.clock.now());
        self.post(&raw.id, &raw.id, &raw.envelope, &record).await?;
        self.answer(&self.producer.url, Answer::Delete, &[&raw.handle]).await
    }

    /// Sends a letter: one for each message `source`, however often it is parked. A message that
    /// was redriven and failed again is another one.
    pub(super) async fn post(
        &self,
        group: &str,
        source: &str,
        envelope: &Envelope,
        record: &FailureRecord,
    ) -> Result<(), QueueError> {
        let mut refused = None;
        for detail in Detail::ALL {
            let letter = envelope.failed(record, detail);
            match send(&self.producer.sqs, &self.letters, group, source, letter).await {
                Ok(()) => return Ok(()),
                // SQS has no code of its own for what is too large.
                Err(error) if code(&error) == "InvalidParameterValue" => refused = Some(error),
                Err(error) => return Err(unavailable(&error)),
            }
        }
        Err(refused.map_or(QueueError::Full, |error| unavailable(&error)))
    }

    pub(super) async fn dead(&self, max: usize) -> Result<Vec<DeadLetter>, QueueError> {
        let mut look = Look::at(self);
        let letters = look.gather(max).await;
        look.end().await;
        let mut letters = letters?;
        letters.sort_by_key(|letter| letter.sent_at);
        Ok(letters.into_iter().map(|letter| letter.dead).take(max).collect())
    }

    pub(super) async fn dead_one(&self, event: &EventId) -> Result<Option<DeadLetter>, QueueError> {
        let mut look = Look::at(self);
        let found = look.find(event).await;
        look.end().await;
        Ok(found?.map(|letter| letter.dead))
    }

    pub(super) async fn redriven(&self, event: &EventId) -> Result<bool, QueueError> {
        let mut look = Look::at(self);
        let sent = look.redrive(event).await;
        look.end().await;
        sent
    }

    /// Back to the end of the queue: once for each letter, though the event was there before.
    pub(super) async fn resend(&self, letter: &Letter) -> Result<(), QueueError> {
        let (group, again) = (&letter.dead.message.group.0, format!("redrive:{}", letter.id));
        let envelope = Envelope::of(&letter.dead.message);
        let sent = send(&self.producer.sqs, &self.producer.url, group, &again, envelope).await;
        sent.map_err(|error| unavailable(&error))
    }
}
