//! Parks messages in the dead-letter queue, and lists, gets and redrives dead letters.

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
        let earlier = if delivery.attempt > 1 { self.failure_record(id).await } else { None };
        let record = FailureRecord::after(earlier.as_ref(), failure, self.clock.now());
        let envelope = Envelope::new(&delivery.message);
        self.send_dead_letter(delivery.message.event.as_str(), id, &envelope, &record).await?;
        self.settle(&self.producer.queue_url, Disposition::Delete, &[handle]).await
    }

    async fn failure_record(&self, id: &str) -> Option<FailureRecord> {
        self.failures.load(&[id]).await.remove(id)?.into_failure_record()
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

    pub(super) async fn redrive_event(&self, event: &EventId) -> Result<bool, QueueError> {
        let mut scan = DeadLetterScan::new(self);
        let redriven = scan.redrive(event).await;
        scan.end().await;
        redriven
    }

    /// Sends the message of a dead letter to the end of the queue, with a deduplication id of its own:
    /// SQS drops a message whose id it has seen within five minutes.
    pub(super) async fn send_redriven(&self, dead_letter: &DeadLetter) -> Result<(), QueueError> {
        let message = &dead_letter.content.message;
        let deduplication = format!("redrive:{}", dead_letter.id);
        let (sqs, queue_url) = (&self.producer.sqs, &self.producer.queue_url);
        let envelope = Envelope::new(message);
        let sent = send(sqs, queue_url, &message.group.0, &deduplication, envelope).await;
        sent.map_err(|error| unavailable(&error))
    }
}
