//! Where the tests of a port on AWS run: an emulator, or with `TIERLIFT_TEST_AWS=1` a real account,
//! the shell's own. There each test has queues and a table of its own, which it deletes at its end.

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

/// How long a message that nobody answers for stays hidden, in seconds.
pub(super) const VISIBILITY_TIMEOUT_SECS: u64 = 6;

/// A queue, its dead letters and a table in some cloud.
pub(super) struct Cloud {
    pub(super) queue_url: String,
    pub(super) letters_url: String,
    pub(super) table: String,
    place: Place,
}

enum Place {
    Emulator(Emulator),
    Real,
}

/// Whether a real account is wanted.
pub(super) fn is_real() -> bool {
    std::env::var("TIERLIFT_TEST_AWS").is_ok_and(|wanted| wanted == "1")
}

impl Cloud {
    /// A new one, empty.
    pub(super) async fn start() -> Self {
        let place = if is_real() { Place::Real } else { Place::Emulator(Emulator::start()) };
        Self::at(place, VISIBILITY_TIMEOUT_SECS).await
    }

    /// One in an emulator, whatever is wanted: for what no real account does at a test's bidding.
    pub(super) async fn emulated(visibility_timeout_secs: u64) -> Self {
        Self::at(Place::Emulator(Emulator::start()), visibility_timeout_secs).await
    }

    async fn at(place: Place, visibility_timeout_secs: u64) -> Self {
        let table = format!("tierlift-test-{}-{}", now().as_micros(), std::process::id());
        let (queue_url, letters_url) = (String::new(), String::new());
        // It is there before what it will delete, so that nothing stays if the rest fails.
        let mut this = Self { queue_url, letters_url, table, place };
        this.create_table().await;
        let hidden = visibility_timeout_secs.to_string();
        let letters = json!({ "VisibilityTimeout": hidden });
        this.letters_url = this.create_queue("dead-letters", &letters).await;
        let policy = json!({
            "deadLetterTargetArn": this.arn(&this.letters_url).await,
            "maxReceiveCount": SQS_RECEIVES_MAX.to_string(),
        });
        let events = json!({ "VisibilityTimeout": hidden, "RedrivePolicy": policy.to_string() });
        this.queue_url = this.create_queue("events", &events).await;
        this
    }

    pub(super) const fn emulator(&self) -> &Emulator {
        match &self.place {
            Place::Emulator(emulator) => emulator,
            Place::Real => panic!("this test needs an emulator"),
        }
    }

    pub(super) async fn sdk(&self) -> Sdk {
        match &self.place {
            Place::Emulator(emulator) => emulator.sdk(),
            Place::Real => Sdk::of_shell().await,
        }
    }

    pub(super) fn queue(&self, sdk: &Sdk) -> Queue {
        Queue::new(sdk, &self.queue_url, &self.letters_url, &self.table)
    }

    pub(super) fn store(&self, sdk: &Sdk) -> Store {
        Store::new(sdk, &self.table)
    }

    /// One call of an API, beside the ports under test.
    pub(super) async fn call(&self, target: &str, input: &Value) -> Value {
        match &self.place {
            Place::Emulator(emulator) => emulator.call(target, input).await,
            Place::Real => real(target, input).unwrap(),
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
        // An emulator's is there at once.
        while self.call("DynamoDB_20120810.DescribeTable", &name).await["Table"]["TableStatus"]
            != "ACTIVE"
        {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn create_queue(&self, kind: &str, besides: &Value) -> String {
        let mut attributes = json!({
            "FifoQueue": "true",
            "DeduplicationScope": "messageGroup",
            "FifoThroughputLimit": "perMessageGroupId",
            "MaximumMessageSize": "1048576",
        });
        attributes.as_object_mut().unwrap().extend(besides.as_object().unwrap().clone());
        let name = format!("{}-{kind}.fifo", self.table);
        let input = json!({ "QueueName": name, "Attributes": attributes });
        let made = self.call("AmazonSQS.CreateQueue", &input).await;
        made["QueueUrl"].as_str().unwrap().to_owned()
    }

    async fn arn(&self, url: &str) -> String {
        let input = json!({ "QueueUrl": url, "AttributeNames": ["QueueArn"] });
        let answer = self.call("AmazonSQS.GetQueueAttributes", &input).await;
        answer["Attributes"]["QueueArn"].as_str().unwrap().to_owned()
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        if matches!(self.place, Place::Emulator(_)) {
            return;
        }
        for url in [&self.queue_url, &self.letters_url] {
            delete("AmazonSQS.DeleteQueue", &json!({ "QueueUrl": url }));
        }
        delete("DynamoDB_20120810.DeleteTable", &json!({ "TableName": self.table }));
    }
}

/// What cannot be deleted is named, for somebody to do it.
pub(super) fn delete(target: &str, input: &Value) {
    if let Err(error) = real(target, input) {
        eprintln!("{target} {input} failed: {error}");
    }
}

/// One call by Amazon's own client for Python, since the SDK belongs to the ports.
pub(super) fn real(target: &str, input: &Value) -> Result<Value, String> {
    let mut command = Command::new(python());
    command.arg("-B").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/real.py"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let asked = json!({ "target": target, "input": input }).to_string();
    let written = child.stdin.take().map(|mut stdin| stdin.write_all(asked.as_bytes()));
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    if !output.status.success() || !matches!(written, Some(Ok(()))) {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}
