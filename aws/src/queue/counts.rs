//! How many messages a queue has, as SQS counts them: approximately.

use aws_sdk_sqs::{
    Client,
    types::QueueAttributeName::{
        self, ApproximateNumberOfMessages, ApproximateNumberOfMessagesDelayed,
        ApproximateNumberOfMessagesNotVisible,
    },
};
use tierlift_core::ports::QueueError;

use super::error::unavailable;

/// The number of messages in a queue: visible, in flight and delayed.
pub(super) async fn messages(sqs: &Client, queue_url: &str) -> Result<u64, QueueError> {
    let of = [
        ApproximateNumberOfMessages,
        ApproximateNumberOfMessagesNotVisible,
        ApproximateNumberOfMessagesDelayed,
    ];
    sum(sqs, queue_url, of.to_vec()).await
}

/// The number of those that were received and are not settled.
#[cfg(feature = "operations")]
pub(super) async fn in_flight(sqs: &Client, queue_url: &str) -> Result<u64, QueueError> {
    sum(sqs, queue_url, vec![ApproximateNumberOfMessagesNotVisible]).await
}

async fn sum(
    sqs: &Client,
    queue_url: &str,
    of: Vec<QueueAttributeName>,
) -> Result<u64, QueueError> {
    let request = sqs.get_queue_attributes().queue_url(queue_url).set_attribute_names(Some(of));
    let output = request.send().await.map_err(|error| unavailable(&error))?;
    let counts = output.attributes.unwrap_or_default();
    Ok(counts.values().filter_map(|count| count.parse::<u64>().ok()).sum())
}
