//! The queue on SQS FIFO: one message per event id, in order within each customer.
//!
//! SQS keeps the messages, their order and the dead letters. The table keeps what SQS does not: why a
//! message failed, and how often (`failures.rs`). Nothing here assumes that a request
//! is executed once: any request may be repeated, and any response may be lost.

mod counts;
mod dead_letters;
mod envelope;
mod error;
mod failures;
#[cfg(feature = "operations")]
mod held;
mod receive;
mod received;
mod scan;
mod settle;
mod text;
mod update;

use std::collections::BTreeSet;

use aws_sdk_sqs::{
    Client, error::SdkError, operation::send_message::SendMessageError, types::QueueAttributeName,
};
use futures_util::future::{join, try_join};
use tierlift_core::{
    failure::Failure,
    id::EventId,
    ports::{self, DeadLetter, Delivery, Depth, Enqueued, Message, QueueError, Receipt},
    time::Clock,
};

use crate::{Sdk, clock};

use envelope::Envelope;
use error::unavailable;
use failures::Failures;

use text::sqs_id;

#[cfg(feature = "operations")]
pub(crate) use held::{Held, HeldEvent, Placed};

/// The producer's side of the queue: all that ingest needs.
#[derive(Clone, Debug)]
pub struct Producer {
    sqs: Client,
    queue_url: String,
}

/// The queue, its dead-letter queue, and the failure records in the table.
#[derive(Clone, Debug)]
pub struct Queue {
    producer: Producer,
    dead_letter_queue_url: String,
    failures: Failures,
    clock: Clock,
}

/// A batch of messages that Lambda passed to the function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The messages that were recognized.
    pub deliveries: Vec<Delivery>,
    /// SQS message ids of unrecognized messages that could not be parked. They must be reported as
    /// failed, because Lambda deletes all others.
    pub retained: Vec<String>,
}

/// The SQS message id of a delivery, by which a function reports it to Lambda as failed.
#[must_use]
pub fn message_id(receipt: &Receipt) -> &str {
    received::id_and_handle(receipt).0
}

impl Producer {
    /// A producer for the queue at `queue_url`.
    #[must_use]
    pub fn new(sdk: &Sdk, queue_url: impl Into<String>) -> Self {
        Self { sqs: Client::new(sdk.config()), queue_url: queue_url.into() }
    }

    /// Puts what was delivered by another queue into this one. It is repeated if the delivery is, and that counts
    /// once; the same event in another message, such as one that was redriven, is not a repetition.
    pub async fn hand_over(&self, delivery: &Delivery) -> Result<(), QueueError> {
        let message = &delivery.message;
        let (group, id) = (&message.group.0, message_id(&delivery.receipt));
        let sent = send(&self.sqs, &self.queue_url, group, id, Envelope::new(message)).await;
        sent.map_err(|error| unavailable(&error))
    }

    /// The approximate number of its messages.
    #[cfg(feature = "operations")]
    pub(crate) async fn messages(&self) -> Result<u64, QueueError> {
        counts::messages(&self.sqs, &self.queue_url).await
    }

    /// The approximate number of those that were received and are not settled.
    #[cfg(feature = "operations")]
    pub(crate) async fn in_flight(&self) -> Result<u64, QueueError> {
        counts::in_flight(&self.sqs, &self.queue_url).await
    }
}

impl Queue {
    /// The queue at `queue_url`, its dead-letter queue, and the table that has the failure records.
    #[must_use]
    pub fn new(
        sdk: &Sdk,
        queue_url: impl Into<String>,
        dead_letter_queue_url: impl Into<String>,
        table: impl Into<String>,
    ) -> Self {
        Self {
            producer: Producer::new(sdk, queue_url),
            dead_letter_queue_url: dead_letter_queue_url.into(),
            failures: Failures::new(sdk, table.into()),
            clock: clock(),
        }
    }
}

/// Sends a message to a queue. Within five minutes the queue keeps one message for each group and
/// deduplication id.
async fn send(
    sqs: &Client,
    queue_url: &str,
    group: &str,
    deduplication: &str,
    envelope: Envelope,
) -> Result<(), SdkError<SendMessageError>> {
    let request = sqs.send_message().queue_url(queue_url);
    let request = request.message_group_id(sqs_id(group)).message_body(envelope.body);
    let request = request.message_deduplication_id(sqs_id(deduplication));
    request.set_message_attributes(Some(envelope.attributes)).send().await.map(|_| ())
}

impl ports::Enqueue for Producer {
    async fn enqueue(&self, message: Message) -> Result<Enqueued, QueueError> {
        let (group, event, envelope) = (&message.group.0, &message.event, Envelope::new(&message));
        let sent = send(&self.sqs, &self.queue_url, group, event.as_str(), envelope).await;
        // SQS does not say whether it already had the message.
        sent.map(|()| Enqueued::Queued).map_err(|error| unavailable(&error))
    }
}

impl ports::Enqueue for Queue {
    async fn enqueue(&self, message: Message) -> Result<Enqueued, QueueError> {
        ports::Enqueue::enqueue(&self.producer, message).await
    }
}

impl ports::Queue for Queue {
    async fn receive(&self, max: usize) -> Result<Vec<Delivery>, QueueError> {
        self.receive_up_to(max).await
    }

    async fn delete(&self, receipts: Vec<Receipt>) -> Result<(), QueueError> {
        self.delete_all(&receipts).await
    }

    async fn retry(
        &self,
        delivery: &Delivery,
        delay_ms: u64,
        failure: Failure,
    ) -> Result<(), QueueError> {
        let (id, handle) = received::id_and_handle(&delivery.receipt);
        let recorded = self.failures.record_failure(id, handle, &failure, self.clock.now());
        let delayed = self.redeliver_after(std::slice::from_ref(delivery), delay_ms);
        join(recorded, delayed).await.1
    }

    async fn release(&self, deliveries: &[Delivery], delay_ms: u64) -> Result<(), QueueError> {
        self.redeliver_after(deliveries, delay_ms).await
    }

    async fn park(&self, delivery: &Delivery, failure: Failure) -> Result<(), QueueError> {
        self.park_delivery(delivery, failure).await
    }
}

/// SQS cannot look up a message by an attribute: dead letters are received to be read, ten per request,
/// and every one that was received is invisible until the call ends.
impl ports::DeadLetters for Queue {
    /// One receive per ten dead letters, until there are `max` events.
    async fn list(&self, max: usize) -> Result<Vec<DeadLetter>, QueueError> {
        self.list_dead_letters(max).await
    }

    /// One receive per ten dead letters until the event is found: on average half of them are read, and
    /// all where it is not there. Of several dead letters of the event it may return any.
    async fn get(&self, event: &EventId) -> Result<Option<DeadLetter>, QueueError> {
        self.get_dead_letter(event).await
    }

    /// One receive per ten dead letters until all are found, or [`DEAD_AMONG_READ_MAX`](tierlift_core::limits::DEAD_AMONG_READ_MAX) were read.
    async fn dead_among(&self, events: BTreeSet<EventId>) -> Result<BTreeSet<EventId>, QueueError> {
        self.dead_letters_among(&events).await
    }

    /// Reads all dead letters, because the event may have several; sends one and deletes each.
    async fn redrive(&self, event: &EventId) -> Result<bool, QueueError> {
        self.redrive_event(event).await
    }

    /// Two requests. The counts are approximate.
    async fn depth(&self) -> Result<Depth, QueueError> {
        let sqs = &self.producer.sqs;
        let queued = counts::messages(sqs, &self.producer.queue_url);
        let dead = counts::messages(sqs, &self.dead_letter_queue_url);
        let (queued, dead) = try_join(queued, dead).await?;
        // SQS reports the age of the oldest message only to CloudWatch.
        Ok(Depth { queued, dead, oldest_received_at: None })
    }
}

impl Queue {
    /// The approximate number of messages that were received and are not settled.
    #[cfg(feature = "operations")]
    pub(crate) async fn in_flight(&self) -> Result<u64, QueueError> {
        self.producer.in_flight().await
    }

    /// The ARN of the queue.
    #[cfg(feature = "operations")]
    pub(crate) async fn arn(&self) -> Result<String, QueueError> {
        let request = self.producer.sqs.get_queue_attributes().queue_url(&self.producer.queue_url);
        let request = request.attribute_names(QueueAttributeName::QueueArn);
        let output = request.send().await.map_err(|error| unavailable(&error))?;
        let arn = output.attributes.unwrap_or_default().remove(&QueueAttributeName::QueueArn);
        arn.ok_or_else(|| QueueError::Unavailable("SQS does not say which queue it is".into()))
    }
}
