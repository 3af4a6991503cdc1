//! Queues and a table for one test of the AWS ports: in an emulator, or with `TIERLIFT_TEST_AWS=1` in
//! the AWS account of the shell, where the test deletes them when it ends.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tierlift_aws::{Sdk, queue::Queue, store::Store};
use tierlift_core::limits::SQS_RECEIVES_MAX;

use super::emulator::{Emulator, python};
use crate::process::now;

/// Visibility timeout of the queues, in seconds.
pub(super) const VISIBILITY_TIMEOUT_SECS: u64 = 6;

/// A queue, its dead-letter queue and a table.
pub(super) struct TestResources {
    pub(super) queue_url: String,
    pub(super) dead_letter_queue_url: String,
    pub(super) table: String,
    endpoint: Endpoint,
}

enum Endpoint {
    Emulator(Emulator),
    Aws,
}

/// Whether the tests run in a real AWS account.
pub(super) fn on_real_aws() -> bool {
    std::env::var("TIERLIFT_TEST_AWS").is_ok_and(|value| value == "1")
}

impl TestResources {
    /// Creates empty resources where the tests run.
    pub(super) async fn start() -> Self {
        let endpoint =
            if on_real_aws() { Endpoint::Aws } else { Endpoint::Emulator(Emulator::start()) };
        Self::create(endpoint, VISIBILITY_TIMEOUT_SECS).await
    }

    /// Creates them in an emulator in any case, for faults that a real account cannot be made to show.
    pub(super) async fn emulated(visibility_timeout_secs: u64) -> Self {
        Self::create(Endpoint::Emulator(Emulator::start()), visibility_timeout_secs).await
    }

    async fn create(endpoint: Endpoint, visibility_timeout_secs: u64) -> Self {
        let table = format!("tierlift-test-{}-{}", now().as_micros(), std::process::id());
        let (queue_url, dead_letter_queue_url) = (String::new(), String::new());
        // The value that deletes the resources exists before they do: a failure below leaves nothing.
        let mut this = Self { queue_url, dead_letter_queue_url, table, endpoint };
        this.create_table().await;
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

    pub(super) const fn emulator(&self) -> &Emulator {
        match &self.endpoint {
            Endpoint::Emulator(emulator) => emulator,
            Endpoint::Aws => panic!("this test needs an emulator"),
        }
    }

    pub(super) async fn sdk(&self) -> Sdk {
        match &self.endpoint {
            Endpoint::Emulator(emulator) => emulator.sdk(),
            Endpoint::Aws => Sdk::from_default_chain().await,
        }
    }

    pub(super) fn queue(&self, sdk: &Sdk) -> Queue {
        Queue::new(sdk, &self.queue_url, &self.dead_letter_queue_url, &self.table)
    }

    pub(super) fn store(&self, sdk: &Sdk) -> Store {
        Store::new(sdk, &self.table)
    }

    /// Calls an AWS API directly, past the ports under test.
    pub(super) async fn call(&self, target: &str, input: &Value) -> Value {
        match &self.endpoint {
            Endpoint::Emulator(emulator) => emulator.call(target, input).await,
            Endpoint::Aws => call_real_aws(target, input).unwrap(),
        }
    }

    async fn create_table(&self) {
        let input = json!({
            "TableName": self.table,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
        });
        self.call("DynamoDB_20120810.CreateTable", &input).await;
        let name = json!({ "TableName": self.table });
        // An emulator creates it at once.
        while self.call("DynamoDB_20120810.DescribeTable", &name).await["Table"]["TableStatus"]
            != "ACTIVE"
        {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn create_queue(&self, kind: &str, extra: &Value) -> String {
        let mut attributes = json!({
            "FifoQueue": "true",
            "DeduplicationScope": "messageGroup",
            "FifoThroughputLimit": "perMessageGroupId",
            "MaximumMessageSize": "1048576",
        });
        attributes.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let name = format!("{}-{kind}.fifo", self.table);
        let input = json!({ "QueueName": name, "Attributes": attributes });
        let created = self.call("AmazonSQS.CreateQueue", &input).await;
        created["QueueUrl"].as_str().unwrap().to_owned()
    }

    async fn arn(&self, url: &str) -> String {
        let input = json!({ "QueueUrl": url, "AttributeNames": ["QueueArn"] });
        let response = self.call("AmazonSQS.GetQueueAttributes", &input).await;
        response["Attributes"]["QueueArn"].as_str().unwrap().to_owned()
    }
}

impl Drop for TestResources {
    fn drop(&mut self) {
        if matches!(self.endpoint, Endpoint::Emulator(_)) {
            return;
        }
        for url in [&self.queue_url, &self.dead_letter_queue_url] {
            delete("AmazonSQS.DeleteQueue", &json!({ "QueueUrl": url }));
        }
        delete("DynamoDB_20120810.DeleteTable", &json!({ "TableName": self.table }));
    }
}

/// Deletes a resource of the real account; reports one that cannot be deleted, so that a person can.
pub(super) fn delete(target: &str, input: &Value) {
    if let Err(error) = call_real_aws(target, input) {
        eprintln!("{target} {input} failed: {error}");
    }
}

/// Calls the real AWS through boto3, since the tests have no SDK client of their own.
pub(super) fn call_real_aws(target: &str, input: &Value) -> Result<Value, String> {
    let mut command = Command::new(python());
    command.arg("-B").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/real.py"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let request = json!({ "target": target, "input": input }).to_string();
    let written = child.stdin.take().map(|mut stdin| stdin.write_all(request.as_bytes()));
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    if !output.status.success() || !matches!(written, Some(Ok(()))) {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}
