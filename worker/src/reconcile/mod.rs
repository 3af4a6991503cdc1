//! Reconciles what is stored with what Stripe lists. It writes nothing of its own: what differs goes through the
//! queue as an observation, in its customer's order, and webhooks flow meanwhile.
//!
//! An import enqueues everything, since nothing is known. Afterwards only what would change an account is
//! enqueued. After each page its place is stored.

mod error;
mod explain;
mod patience;
mod predict;
mod report;
mod run;

pub use error::Error;
pub use predict::{Prediction, predict};
pub use report::report;
pub use run::Pass;
