//! The worker: load, decide, commit. It takes one message at a time and returns a verdict.
//!
//! It refuses to guess: what cannot be applied is parked with its cause, what may pass is retried, and
//! nothing is dropped. Applying never talks to the queue; [`settle`] does, for both backends.

mod apply;
mod attempt;
mod backoff;
mod batch;
mod expiry;
pub mod fetch;
pub mod policy_change;
pub mod reconcile;
mod settle;
mod telemetry;
pub mod thin;
mod verdict;
mod waiting;

#[cfg(test)]
mod memory;

pub use apply::{apply, decide_only};
pub use attempt::attempt;
pub use backoff::{conflict_delay_ms, retry_delay_ms};
pub use batch::Worker;
pub use expiry::expire_due;
pub use settle::{Settled, settle};
pub use telemetry::record;
pub use verdict::{Committed, Done, Verdict};
pub use waiting::{report_waiting, set_gauges};
