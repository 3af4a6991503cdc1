//! The first stage: it verifies a webhook and enqueues it. A 2xx means that the event is durable.
//!
//! It refuses to interpret an event: one that is signed and has an id and a type is enqueued as the bytes
//! that Stripe sent, and the worker finds out what it means. The response is sent before the event is
//! applied.

mod acknowledge;
mod count;
mod error;
mod refusals;
mod route;
mod trusted;

pub use acknowledge::{Acknowledged, verify_and_enqueue};
pub use error::Error;
pub use refusals::Refusals;
pub use route::{Ingest, PATH, router};
pub use trusted::accept_trusted;
