//! The ports on AWS: SQS FIFO, DynamoDB, @connections and secrets; and the Lambda runtime.
//!
//! The only package that names one of Amazon's crates. None of their types leaves it: a stage's
//! `main.rs` gets our ports, and hands over a function of our own types. It refuses to decide
//! anything: what an event means is core's, what a failure means the worker's.

mod sdk;

pub mod queue;
pub mod store;

pub use sdk::Sdk;
