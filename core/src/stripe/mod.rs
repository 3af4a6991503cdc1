//! What Stripe sends: its signature, its objects, its events.
//!
//! Everything that knows Stripe's JSON is in this room. What leaves it are types that cannot be wrong.

mod error;
pub mod event;
mod json;
mod object;
pub mod signature;

pub use error::Error;
