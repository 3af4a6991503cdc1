//! The queue on SQS, held to the contract, and to what SQS makes hard.

use std::time::Duration;

use tierlift_aws::queue::Queue;
use tierlift_core::time::Timestamp;
use tierlift_tests::{
    contract::{Backend, QueueBackend},
    contract_tests,
};

use super::cloud::{Cloud, VISIBILITY_TIMEOUT_SECS};
use crate::process::now;

/// A queue of a test's own.
struct OnSqs {
    _cloud: Cloud,
    queue: Queue,
}

impl Backend for OnSqs {
    async fn fresh() -> Self {
        let cloud = Cloud::start().await;
        let queue = cloud.queue(&cloud.sdk().await);
        Self { _cloud: cloud, queue }
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

    /// Its clock is the world's.
    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

contract_tests!(sqs, queue of OnSqs);
