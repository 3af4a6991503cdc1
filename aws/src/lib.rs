//! The ports on AWS: SQS FIFO, DynamoDB, @connections and secrets; and the Lambda runtime.
//!
//! The only package that names one of Amazon's crates. None of their types leaves it: a stage's
//! `main.rs` gets our ports, and hands over a function of our own types. It refuses to decide
//! anything: what an event means is core's, what a failure means the worker's.

pub mod environment;
mod sdk;

pub mod secrets;

pub mod queue;
pub mod sockets;
pub mod store;

pub mod lambda;

use std::time::SystemTime;

use tierlift_core::time::Clock;

pub use environment::Environment;
pub use sdk::Sdk;

/// The system's clock.
#[must_use]
pub fn clock() -> Clock {
    Clock::new(|| SystemTime::now().into())
}
