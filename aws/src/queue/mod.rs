//! The queue on SQS FIFO: one message for each event id, in the order of its customer.
//!
//! SQS keeps messages, their order and their dead letters. What it does not keep stands in the
//! table: why a message failed, and how often it was put back untried (`failures.rs`). It refuses to
//! count on one answer for one request: every request may arrive twice, or its answer never.

mod answer;
mod envelope;
mod failures;
mod letters;
mod look;
mod raw;
mod receive;
mod text;

use aws_sdk_sqs::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::send_message::SendMessageError,
    types::QueueAttributeName,
};
use futures_util::future::{join, try_join};
use tierlift_core::{
    failure::Failure,
    id::EventId,
    ports::{self, DeadLetter, Delivery, Depth, Enqueued, Message, QueueError, Receipt},
    time::Clock,
};

use crate::{Sdk, clock, sdk::words};

use envelope::Envelope;
use failures::Failures;
use text::sqs_id;

/// The producer's side of the queue: all that ingest needs.
#[derive(Clone, Debug)]
pub struct Producer {
    sqs: Client,
    url: String,
}

/// The queue, its dead letters, and the table that knows why they are dead.
#[derive(Clone, Debug)]
pub struct Queue {
    producer: Producer,
    letters: String,
    failures: Failures,
    clock: Clock,
}

/// A batch that Lambda handed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// What can be worked on.
    pub deliveries: Vec<Delivery>,
    /// SQS's ids of messages that are none of ours and could not be set aside: they must stay.
    pub stay: Vec<String>,
}

/// SQS's id of the message that was delivered: by it Lambda is told what stays.
#[must_use]
pub fn message_id(receipt: &Receipt) -> &str {
    raw::parts(receipt).0
}

impl Producer {
    /// The queue at that URL.
    #[must_use]
    pub fn new(sdk: &Sdk, queue_url: impl Into<String>) -> Self {
        Self { sqs: Client::new(sdk.config()), url: queue_url.into() }
    }
}

impl Queue {
    /// The queue at that URL, its dead letters' at the other, and the table where failures are
    /// recorded.
    #[must_use]
    pub fn new(
        sdk: &Sdk,
        queue_url: impl Into<String>,
        dead_letter_queue_url: impl Into<String>,
        table: impl Into<String>,
    ) -> Self {
        Self {
            producer: Producer::new(sdk, queue_url),
            letters: dead_letter_queue_url.into(),
            failures: Failures::new(sdk, table.into()),
            clock: clock(),
        }
    }
}

/// Sends a message to a queue, which then has it once for each group and deduplication id.
async fn send(
    sqs: &Client,
    url: &str,
    group: &str,
    deduplication: &str,
    envelope: Envelope,
) -> Result<(), SdkError<SendMessageError>> {
    let request = sqs.send_message().queue_url(url);
    let request = request.message_group_id(sqs_id(group)).message_body(envelope.body);
    let request = request.message_deduplication_id(sqs_id(deduplication));
    request.set_message_attributes(Some(envelope.attributes)).send().await.map(|_| ())
}

impl ports::Enqueue for Producer {
    async fn enqueue(&self, message: Message) -> Result<Enqueued, QueueError> {
        let (group, event, envelope) = (&message.group.0, &message.event, Envelope::of(&message));
        let sent = send(&self.sqs, &self.url, group, event.as_str(), envelope).await;
        // SQS does not say whether it had the message already.
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
        self.received(max).await
    }

    async fn delete(&self, receipts: Vec<Receipt>) -> Result<(), QueueError> {
        self.deleted(&receipts).await
    }

    async fn retry(
        &self,
        delivery: &Delivery,
        delay_ms: u64,
        failure: Failure,
    ) -> Result<(), QueueError> {
        let (id, handle) = raw::parts(&delivery.receipt);
        let recorded = self.failures.failed(id, handle, &failure, self.clock.now());
        let hidden = self.hidden(std::slice::from_ref(delivery), delay_ms);
        join(recorded, hidden).await.1
    }

    async fn release(&self, deliveries: &[Delivery], delay_ms: u64) -> Result<(), QueueError> {
        join(self.uncounted(deliveries), self.hidden(deliveries, delay_ms)).await.1
    }

    async fn park(&self, delivery: &Delivery, failure: Failure) -> Result<(), QueueError> {
        self.parked(delivery, failure).await
    }
}

impl ports::DeadLetters for Queue {
    async fn list(&self, max: usize) -> Result<Vec<DeadLetter>, QueueError> {
        self.dead(max).await
    }

    async fn get(&self, event: &EventId) -> Result<Option<DeadLetter>, QueueError> {
        self.dead_one(event).await
    }

    async fn redrive(&self, event: &EventId) -> Result<bool, QueueError> {
        self.redriven(event).await
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        let (queued, dead) =
            try_join(self.count(&self.producer.url), self.count(&self.letters)).await?;
        // How old its oldest message is SQS tells CloudWatch alone.
        Ok(Depth { queued, dead, oldest_received_at: None })
    }
}

impl Queue {
    /// What a queue holds, approximately: ready, out, and delayed.
    async fn count(&self, url: &str) -> Result<u64, QueueError> {
        let request = self
            .producer
            .sqs
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesDelayed);
        let answer = request.send().await.map_err(|error| unavailable(&error))?;
        let counts = answer.attributes.unwrap_or_default();
        Ok(counts.values().filter_map(|count| count.parse::<u64>().ok()).sum())
    }
}

/// What happened, with all that it says. Among it is `OverLimit`, when 120,000 messages are out: to a
/// receiver that is a queue which gives nothing, and not one that is full.
fn unavailable(error: &(dyn std::error::Error + 'static)) -> QueueError {
    QueueError::Unavailable(words(error))
}

/// The code of an error, in the new protocol's words.
fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> &str {
    bare(error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default())
}

/// Without the namespace of the old protocol, and without the suffix of the new one.
fn bare(code: &str) -> &str {
    let code = code.rsplit(['.', '#']).next().unwrap_or(code);
    code.strip_suffix("Exception").unwrap_or(code)
}
