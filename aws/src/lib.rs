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

pub mod lambda;

use tierlift_core::time::{Clock, Timestamp};

pub use environment::Environment;
pub use sdk::Sdk;

/// The system clock.
#[must_use]
pub fn clock() -> Clock {
    Clock::new(|| {
        let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let micros = elapsed.map_or(0, |time| i64::try_from(time.as_micros()).unwrap_or(i64::MAX));
        Timestamp::from_micros(micros)
    })
}
