//! The ports on AWS: SQS FIFO, DynamoDB, @connections and secrets; and the Lambda runtime.
//!
//! The only package that names an AWS crate. No SDK type leaves it: callers get the ports, and pass
//! functions of tierlift's own types. It decides nothing: core knows what an event means, and the worker
//! what a failure means.

pub mod environment;
mod sdk;

pub mod secrets;

pub mod queue;
pub mod sockets;
pub mod store;

#[cfg(feature = "operations")]
pub mod operations;

pub mod lambda;

use std::time::SystemTime;

use tierlift_core::time::Clock;

pub use environment::Environment;
pub use sdk::Sdk;

/// The system clock.
#[must_use]
pub fn clock() -> Clock {
    Clock::new(|| SystemTime::now().into())
}
