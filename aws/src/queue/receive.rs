//! Receiving: what Lambda hands over in batches, and what a tool asks for itself.

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

use super::{Batch, Queue, failures::Known, raw::Raw, unavailable};

/// What is asked of one receive.
pub(super) struct Ask<'a> {
    pub(super) url: &'a str,
    pub(super) max: u32,
    pub(super) wait_secs: u64,
    /// How long they are hidden; the queue's own visibility timeout where there is none.
    pub(super) hide_secs: Option<u64>,
}

impl Queue {
    /// Reads a batch that Lambda received. What is none of ours is set aside.
    pub async fn deliveries(&self, event: SqsEvent) -> Batch {
        self.read(event.records.into_iter().map(Raw::handed).collect()).await
    }

    /// One message at a time: so SQS itself keeps a group to one message, and none is received that
    /// has to be put back.
    pub(super) async fn received(&self, max: usize) -> Result<Vec<Delivery>, QueueError> {
        let mut deliveries = Vec::new();
        while deliveries.is_empty() && max > 0 {
            let mut raws = self.take_one(RECEIVE_WAIT_SECS).await?;
            while !raws.is_empty() && raws.len() < max {
                match self.take_one(0).await {
                    Ok(more) if more.is_empty() => break,
                    Ok(more) => raws.extend(more),
                    Err(error) => {
                        tracing::warn!(%error, "fewer messages were received than wanted");
                        break;
                    }
                }
            }
            deliveries = self.read(raws).await.deliveries;
        }
        Ok(deliveries)
    }

    async fn take_one(&self, wait_secs: u64) -> Result<Vec<Raw>, QueueError> {
        self.take(Ask { url: &self.producer.url, max: 1, wait_secs, hide_secs: None }).await
    }

    pub(super) async fn take(&self, ask: Ask<'_>) -> Result<Vec<Raw>, QueueError> {
        let small = |number: u64| i32::try_from(number).unwrap_or(i32::MAX);
        let request = self
            .producer
            .sqs
            .receive_message()
            .queue_url(ask.url)
            .max_number_of_messages(ask.max.try_into().unwrap_or(i32::MAX))
            .wait_time_seconds(small(ask.wait_secs))
            .set_visibility_timeout(ask.hide_secs.map(small))
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::MessageGroupId)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
        let patient = Builder::new().timeout_config(patience(ask.wait_secs));
        let answer = request.customize().config_override(patient).send().await;
        let messages = answer.map_err(|error| unavailable(&error))?.messages;
        Ok(messages.unwrap_or_default().into_iter().map(Raw::received).collect())
    }

    /// What was received as deliveries; what is none of ours goes to the dead letters.
    async fn read(&self, raws: Vec<Raw>) -> Batch {
        let (mut ours, mut foreign) = (Vec::new(), Vec::new());
        for raw in raws {
            match raw.message() {
                Some(message) => ours.push((raw, message)),
                None => foreign.push(raw),
            }
        }
        let stay = self.set_aside(foreign).await;
        Batch { deliveries: self.counted(ours).await, stay }
    }

    /// The ids of those that could not be moved.
    async fn set_aside(&self, foreign: Vec<Raw>) -> Vec<String> {
        let moved = join_all(foreign.iter().map(async |raw| {
            let moved = self.park_foreign(raw).await;
            if let Err(error) = &moved {
                tracing::error!(message = raw.id, %error, "a foreign message stays");
            }
            moved.is_err()
        }))
        .await;
        let stays = foreign.into_iter().zip(moved).filter(|(_, stays)| *stays);
        stays.map(|(raw, _)| raw.id).collect()
    }

    /// Deliveries that came to their message before were attempts, but for those that were put back.
    async fn counted(&self, ours: Vec<(Raw, Message)>) -> Vec<Delivery> {
        let again = ours.iter().filter(|(raw, _)| raw.receives > 1);
        let again: Vec<&str> = again.map(|(raw, _)| raw.id.as_str()).collect();
        let known =
            if again.is_empty() { HashMap::new() } else { self.failures.known(&again).await };
        let delivery = |(raw, message): (Raw, Message)| {
            let released = known.get(&raw.id).map_or(0, |known: &Known| known.released);
            let attempt = raw.receives.saturating_sub(released).max(1);
            Delivery { receipt: raw.receipt(), message, attempt }
        };
        ours.into_iter().map(delivery).collect()
    }
}

/// As long as SQS waits, and as long as any call may take.
fn patience(wait_secs: u64) -> TimeoutConfig {
    let time = Duration::from_secs(wait_secs) + Duration::from_millis(AWS_CALL_TIMEOUT_MS);
    TimeoutConfig::builder().operation_attempt_timeout(time).operation_timeout(time).build()
}
