//! Parks messages in the dead-letter queue, and lists, gets and redrives dead letters.

use std::collections::BTreeSet;

use tierlift_core::{
    codes::Code,
    failure::{Failure, FailureRecord},
    id::EventId,
    ports::{self, Delivery, QueueError},
};

use super::{
    Queue,
    envelope::{Detail, Envelope},
    error::{error_code, unavailable},
    received::{ReceivedMessage, id_and_handle},
    scan::{DeadLetter, DeadLetterScan},
    send,
    settle::Disposition,
};

impl Queue {
    pub(super) async fn park_delivery(
        &self,
        delivery: &Delivery,
        failure: Failure,
    ) -> Result<(), QueueError> {
        let (id, handle) = id_and_handle(&delivery.receipt);
        let (event, now) = (&delivery.message.event, self.clock.now());
        let known = if delivery.attempt > 1 { self.failure_record(id, event).await } else { None };
        let record = FailureRecord::after(known.as_ref(), failure, now);
        let envelope = Envelope::new(&delivery.message);
        self.send_dead_letter(event.as_str(), id, &envelope, &record).await?;
        self.failures.record_parked(event, id, &record.earlier, now).await;
        self.settle(&self.producer.queue_url, Disposition::Delete, &[handle]).await
    }

    /// The failures of a message, with those of its event before it was redriven.
    async fn failure_record(&self, id: &str, event: &EventId) -> Option<FailureRecord> {
        let mut histories = self.failures.load(&[id, event.as_str()]).await;
        let before = histories.remove(event.as_str()).unwrap_or_default();
        let record = histories.remove(id)?.into_failure_record()?;
        Some(record.with_earlier(&before.earlier))
    }

    /// Parks an unrecognized message unchanged.
    pub(super) async fn park_unrecognized(
        &self,
        message: &ReceivedMessage,
    ) -> Result<(), QueueError> {
        let error = "the message has none of tierlift's attributes and its body is not a webhook";
        let failure = Failure::new(Code::PayloadMalformed, &error);
        let cause = failure.cause.as_str();
        let record = FailureRecord::after(None, failure, self.clock.now());
        let (id, envelope) = (&message.id, &message.envelope);
        self.send_dead_letter(id, id, envelope, &record).await?;
        tracing::error!(message = id, cause, error, "unrecognized message parked as a dead letter");
        self.settle(&self.producer.queue_url, Disposition::Delete, &[&message.handle]).await
    }

    /// Sends a dead letter. Its deduplication id is the SQS id of the message that is parked, so a
    /// repeated call sends nothing, and a message that was redriven and failed again is another one.
    pub(super) async fn send_dead_letter(
        &self,
        group: &str,
        message_id: &str,
        envelope: &Envelope,
        record: &FailureRecord,
    ) -> Result<(), QueueError> {
        let (sqs, queue_url) = (&self.producer.sqs, &self.dead_letter_queue_url);
        let mut detail = Detail::Full;
        loop {
            let dead_letter = envelope.with_failure(record, detail);
            let Err(error) = send(sqs, queue_url, group, message_id, dead_letter).await else {
                return Ok(());
            };
            // SQS has no error code of its own for a message that is too large.
            let may_be_too_large = error_code(&error) == "InvalidParameterValue";
            match detail.reduced().filter(|_| may_be_too_large) {
                Some(reduced) => detail = reduced,
                None => return Err(unavailable(&error)),
            }
        }
    }

    pub(super) async fn list_dead_letters(
        &self,
        max: usize,
    ) -> Result<Vec<ports::DeadLetter>, QueueError> {
        let mut scan = DeadLetterScan::new(self);
        let collected = scan.collect(max).await;
        scan.end().await;
        let mut dead_letters = collected?;
        dead_letters.sort_by_key(|dead_letter| dead_letter.sent_at);
        Ok(dead_letters.into_iter().map(|dead_letter| dead_letter.content).take(max).collect())
    }

    pub(super) async fn get_dead_letter(
        &self,
        event: &EventId,
    ) -> Result<Option<ports::DeadLetter>, QueueError> {
        let mut scan = DeadLetterScan::new(self);
        let found = scan.find(event).await;
        scan.end().await;
        Ok(found?.map(|dead_letter| dead_letter.content))
    }

    pub(super) async fn dead_letters_among(
        &self,
        events: &BTreeSet<EventId>,
    ) -> Result<BTreeSet<EventId>, QueueError> {
        let mut scan = DeadLetterScan::new(self);
        let found = scan.find_among(events).await;
        scan.end().await;
        found
    }

    pub(super) async fn redrive_event(&self, event: &EventId) -> Result<bool, QueueError> {
        let mut scan = DeadLetterScan::new(self);
        let redriven = scan.redrive(event).await;
        scan.end().await;
        redriven
    }

    /// Redrives the latest of an event's dead letters and deletes all of them: Stripe may have resent the event,
    /// so there may be several. What failed before is recorded first, so that it outlives the dead letter.
    pub(super) async fn redrive_all(&self, dead_letters: &[DeadLetter]) -> Result<(), QueueError> {
        let Some(latest) = dead_letters.iter().max_by_key(|dead_letter| dead_letter.sent_at) else {
            return Ok(());
        };
        let ports::DeadLetter { message, failure } = &latest.content;
        let (known, now) = (failure.all(), self.clock.now());
        let recorded = self.failures.record_redriven(&message.event, &known, now).await;
        recorded.map_err(QueueError::Unavailable)?;
        self.send_redriven(latest).await?;
        self.delete_dead_letters(dead_letters).await
    }

    /// Deletes dead letters.
    pub(super) async fn delete_dead_letters(
        &self,
        dead_letters: &[DeadLetter],
    ) -> Result<(), QueueError> {
        let handles: Vec<&str> = dead_letters.iter().map(DeadLetter::handle).collect();
        self.settle(&self.dead_letter_queue_url, Disposition::Delete, &handles).await
    }

    /// Makes dead letters visible again.
    pub(super) async fn show_again(&self, handles: &[&str]) {
        let visible = Disposition::RedeliverAfterSecs(0);
        if let Err(error) = self.settle(&self.dead_letter_queue_url, visible, handles).await {
            tracing::warn!(%error, "dead letters stay invisible for a while");
        }
    }

    /// Sends the message of a dead letter to the end of the queue, with a deduplication id of its own:
    /// SQS drops a message whose id it has seen within five minutes.
    async fn send_redriven(&self, dead_letter: &DeadLetter) -> Result<(), QueueError> {
        let message = &dead_letter.content.message;
        let deduplication = format!("redrive:{}", dead_letter.id);
        let (sqs, queue_url) = (&self.producer.sqs, &self.producer.queue_url);
        let envelope = Envelope::new(message);
        let sent = send(sqs, queue_url, &message.group.0, &deduplication, envelope).await;
        sent.map_err(|error| unavailable(&error))
    }
}
