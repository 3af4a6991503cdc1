//! The first stage: verify a webhook and put it on the queue. A 2xx means that it is durable there.
//!
//! It refuses to understand: what is signed and has an id and a type is queued as the bytes that
//! Stripe sent, and whether it makes sense the worker decides. It answers before anything is done.

mod accept;
mod error;
mod route;

pub use accept::{Accepted, accept};
pub use error::Error;
pub use route::{Ingest, router};
