//! The queue on SQS, held to the contract.

use std::time::Duration;

use tierlift_aws::queue::Queue;
use tierlift_core::time::Timestamp;
use tierlift_tests::{
    contract::{Backend, QueueBackend},
    contract_tests,
};

use super::cloud::{TestResources, VISIBILITY_TIMEOUT_SECS};
use crate::process::now;

/// A queue on resources of its own.
struct OnSqs {
    _resources: TestResources,
    queue: Queue,
}

impl Backend for OnSqs {
    async fn fresh() -> Self {
        let resources = TestResources::start().await;
        let queue = resources.queue(&resources.sdk().await);
        Self { _resources: resources, queue }
    }
}

impl QueueBackend for OnSqs {
    type Queue = Queue;

    fn queue(&self) -> &Queue {
        &self.queue
    }

    fn visibility_timeout(&self) -> Duration {
        Duration::from_secs(VISIBILITY_TIMEOUT_SECS)
    }

    fn now(&self) -> Timestamp {
        now()
    }

    /// SQS uses real time.
    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

contract_tests!(sqs, queue of OnSqs);
