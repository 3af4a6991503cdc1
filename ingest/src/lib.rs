//! The first stage: verify a webhook and put it on the queue. A 2xx means that it is durable there.
//!
//! It refuses to interpret: an event that is signed and has an id and a type is queued as the bytes that
//! Stripe sent, and the worker decides what it means. It responds before the event is processed.

mod accept;
mod error;
mod route;

pub use accept::{Accepted, accept};
pub use error::Error;
pub use route::{Ingest, router};
