//! What Stripe sends: signatures, objects, events.
//!
//! Everything that knows Stripe's JSON is here. What leaves this module are checked types.

pub mod catalog;
mod error;
pub mod event;
mod json;
mod object;
pub mod signature;

pub use error::Error;
