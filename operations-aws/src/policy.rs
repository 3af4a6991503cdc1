//! The worker's policy, by which predictions are made. A console runs for longer than an update of the stack takes, so
//! it is read again from time to time.

use std::time::Duration;

use tierlift_aws::{Sdk, operations::Deployment};
use tierlift_core::{limits::CONSOLE_POLICY_KEPT_SECS, policy::Policy, shared::Shared};
use tokio::time::Instant;

/// The policy of a stack's worker, and when it was read.
pub(crate) struct WorkerPolicy {
    sdk: Sdk,
    stack: String,
    policy: Shared<Policy>,
    read_at: Instant,
}

impl WorkerPolicy {
    /// One that was read just now.
    pub(crate) fn new(sdk: Sdk, stack: String, policy: Shared<Policy>) -> Self {
        Self { sdk, stack, policy, read_at: Instant::now() }
    }

    /// Reads it again if that is long ago. If it cannot be read, the one that is known stays.
    pub(crate) async fn refresh(&mut self) {
        if self.read_at.elapsed() < Duration::from_secs(CONSOLE_POLICY_KEPT_SECS) {
            return;
        }
        self.read_at = Instant::now();
        match Deployment::of_stack(&self.sdk, &self.stack).await {
            Ok((_, policy, _)) => self.policy.replace(policy),
            Err(error) => tracing::warn!(%error, "policy of the worker not read again"),
        }
    }
}
