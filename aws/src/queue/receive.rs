//! Receives messages: in batches from Lambda, or by requests of its own outside Lambda.

use std::{collections::HashMap, time::Duration};

use aws_lambda_events::sqs::SqsEvent;
use aws_sdk_sqs::{
    config::{Builder, timeout::TimeoutConfig},
    types::MessageSystemAttributeName,
};
use futures_util::future::join_all;
use tierlift_core::{
    limits::{AWS_CALL_TIMEOUT_MS, RECEIVE_WAIT_SECS},
    ports::{Delivery, Message, QueueError},
};

use super::{
    Batch, Queue, error::unavailable, failures::DeliveryHistory, received::ReceivedMessage,
};

/// Parameters of one receive.
pub(super) struct ReceiveRequest<'a> {
    pub(super) queue_url: &'a str,
    pub(super) max: u32,
    pub(super) wait_secs: u64,
    /// How long the messages are invisible; `None` for the queue's own visibility timeout.
    pub(super) visibility_secs: Option<u64>,
}

impl Queue {
    /// Reads a batch that Lambda received. Unrecognized messages are parked.
    pub async fn deliveries(&self, event: SqsEvent) -> Batch {
        let messages = event.records.into_iter().map(ReceivedMessage::from_lambda);
        self.read(messages.collect()).await
    }

    /// Receives one message per request. SQS then delivers only one message of each group, and none
    /// has to be released again.
    pub(super) async fn receive_up_to(&self, max: usize) -> Result<Vec<Delivery>, QueueError> {
        let mut deliveries = Vec::new();
        while deliveries.is_empty() && max > 0 {
            let mut messages = self.receive_one(RECEIVE_WAIT_SECS).await?;
            while !messages.is_empty() && messages.len() < max {
                match self.receive_one(0).await {
                    Ok(more) if more.is_empty() => break,
                    Ok(more) => messages.extend(more),
                    Err(error) => {
                        let received = messages.len();
                        tracing::warn!(received, max, %error, "receive failed, batch is smaller");
                        break;
                    }
                }
            }
            deliveries = self.read(messages).await.deliveries;
        }
        Ok(deliveries)
    }

    async fn receive_one(&self, wait_secs: u64) -> Result<Vec<ReceivedMessage>, QueueError> {
        let queue_url = &self.producer.queue_url;
        self.receive_messages(ReceiveRequest {
            queue_url,
            max: 1,
            wait_secs,
            visibility_secs: None,
        })
        .await
    }

    pub(super) async fn receive_messages(
        &self,
        request: ReceiveRequest<'_>,
    ) -> Result<Vec<ReceivedMessage>, QueueError> {
        let secs = |secs: u64| i32::try_from(secs).unwrap_or(i32::MAX);
        let ReceiveRequest { queue_url, max, wait_secs, visibility_secs } = request;
        let call = self
            .producer
            .sqs
            .receive_message()
            .queue_url(queue_url)
            .max_number_of_messages(max.try_into().unwrap_or(i32::MAX))
            .wait_time_seconds(secs(wait_secs))
            .set_visibility_timeout(visibility_secs.map(secs))
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::MessageGroupId)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
        let timeouts = Builder::new().timeout_config(timeouts(wait_secs));
        let output = call.customize().config_override(timeouts).send().await;
        let messages = output.map_err(|error| unavailable(&error))?.messages;
        Ok(messages.unwrap_or_default().into_iter().map(ReceivedMessage::from_receive).collect())
    }

    /// The received messages as deliveries; unrecognized ones are parked.
    async fn read(&self, received: Vec<ReceivedMessage>) -> Batch {
        let (mut recognized, mut unrecognized) = (Vec::new(), Vec::new());
        for message in received {
            match message.message() {
                Some(content) => recognized.push((message, content)),
                None => unrecognized.push(message),
            }
        }
        let retained = self.park_all_unrecognized(unrecognized).await;
        Batch { deliveries: self.count_attempts(recognized).await, retained }
    }

    /// Returns the ids of the messages that could not be parked.
    async fn park_all_unrecognized(&self, messages: Vec<ReceivedMessage>) -> Vec<String> {
        let parked = join_all(messages.iter().map(async |message| {
            let parked = self.park_unrecognized(message).await;
            if let Err(error) = &parked {
                tracing::error!(message = message.id, %error, "unrecognized message not parked");
            }
            parked.is_ok()
        }))
        .await;
        let failed = messages.into_iter().zip(parked).filter(|(_, parked)| !*parked);
        failed.map(|(message, _)| message.id).collect()
    }

    /// An attempt is one that was recorded as failed. SQS counts the deliveries.
    async fn count_attempts(&self, messages: Vec<(ReceivedMessage, Message)>) -> Vec<Delivery> {
        let redelivered = messages.iter().filter(|(message, _)| message.receive_count > 1);
        let ids: Vec<&str> = redelivered.map(|(message, _)| message.id.as_str()).collect();
        let histories =
            if ids.is_empty() { HashMap::new() } else { self.failures.load(&ids).await };
        let delivery = |(received, message): (ReceivedMessage, Message)| {
            let history = histories.get(&received.id);
            let failed = history.map_or(0, |history: &DeliveryHistory| history.attempts);
            let (attempt, deliveries) = (failed.saturating_add(1), received.receive_count);
            Delivery { receipt: received.receipt(), message, attempt, deliveries }
        };
        messages.into_iter().map(delivery).collect()
    }
}

/// Timeouts of a receive: the time that SQS waits for a message, and that of any call.
fn timeouts(wait_secs: u64) -> TimeoutConfig {
    let timeout = Duration::from_secs(wait_secs) + Duration::from_millis(AWS_CALL_TIMEOUT_MS);
    TimeoutConfig::builder().operation_attempt_timeout(timeout).operation_timeout(timeout).build()
}
