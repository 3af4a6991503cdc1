//! Queues and a table for one test of the AWS ports. In a real account the test deletes them when it ends.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tierlift_aws::{Sdk, queue::Queue, store::Store};
use tierlift_core::limits::SQS_RECEIVES_MAX;

use super::{emulator::Emulator, endpoint::Endpoint, table::Table};

/// Visibility timeout of the queues, in seconds.
pub(super) const VISIBILITY_TIMEOUT_SECS: u64 = 6;

/// A queue, its dead-letter queue and a table.
pub(super) struct TestResources {
    pub(super) queue_url: String,
    pub(super) dead_letter_queue_url: String,
    pub(super) table: Table,
}

impl TestResources {
    /// Creates empty resources where the adapters are tested.
    pub(super) async fn start() -> Self {
        Self::create(Endpoint::start(), VISIBILITY_TIMEOUT_SECS).await
    }

    /// Creates them in an emulator in any case, for faults that a real account cannot be made to show.
    pub(super) async fn emulated(visibility_timeout_secs: u64) -> Self {
        Self::create(Endpoint::Ministack(Emulator::start()), visibility_timeout_secs).await
    }

    async fn create(endpoint: Endpoint, visibility_timeout_secs: u64) -> Self {
        let table = Table::create_at(endpoint).await;
        let (queue_url, dead_letter_queue_url) = (String::new(), String::new());
        // The value that deletes the resources exists before they do: a failure below leaves nothing.
        let mut this = Self { queue_url, dead_letter_queue_url, table };
        let timeout = visibility_timeout_secs.to_string();
        let attributes = json!({ "VisibilityTimeout": timeout });
        this.dead_letter_queue_url = this.create_queue("dead-letters", &attributes).await;
        let policy = json!({
            "deadLetterTargetArn": this.arn(&this.dead_letter_queue_url).await,
            "maxReceiveCount": SQS_RECEIVES_MAX.to_string(),
        });
        let attributes =
            json!({ "VisibilityTimeout": timeout, "RedrivePolicy": policy.to_string() });
        this.queue_url = this.create_queue("events", &attributes).await;
        this
    }

    /// Address of the emulator.
    pub(super) fn address(&self) -> SocketAddr {
        self.table.address().expect("this test needs an emulator")
    }

    pub(super) async fn sdk(&self) -> Sdk {
        self.table.sdk().await
    }

    pub(super) fn queue(&self, sdk: &Sdk) -> Queue {
        Queue::new(sdk, &self.queue_url, &self.dead_letter_queue_url, &self.table.name)
    }

    pub(super) fn store(&self, sdk: &Sdk) -> Store {
        Store::new(sdk, &self.table.name)
    }

    /// Calls an AWS API directly, past the ports under test; the call must succeed.
    pub(super) async fn call(&self, target: &str, input: &Value) -> Value {
        self.table.endpoint.call(target, input).await.unwrap()
    }

    async fn create_queue(&self, kind: &str, extra: &Value) -> String {
        let mut attributes = json!({
            "FifoQueue": "true",
            "DeduplicationScope": "messageGroup",
            "FifoThroughputLimit": "perMessageGroupId",
            "MaximumMessageSize": "1048576",
        });
        attributes.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let name = format!("{}-{kind}.fifo", self.table.name);
        let input = json!({ "QueueName": name, "Attributes": attributes });
        let created = self.call("AmazonSQS.CreateQueue", &input).await;
        created["QueueUrl"].as_str().unwrap().to_owned()
    }

    /// The ARN of a queue.
    pub(super) async fn arn(&self, url: &str) -> String {
        let input = json!({ "QueueUrl": url, "AttributeNames": ["QueueArn"] });
        let response = self.call("AmazonSQS.GetQueueAttributes", &input).await;
        response["Attributes"]["QueueArn"].as_str().unwrap().to_owned()
    }
}

impl Drop for TestResources {
    fn drop(&mut self) {
        for url in [&self.queue_url, &self.dead_letter_queue_url] {
            self.table.endpoint.delete("AmazonSQS.DeleteQueue", &json!({ "QueueUrl": url }));
        }
    }
}
