//! What tests, benches and `tierlift trigger` share.
//!
//! The generator of Stripe lifecycles is pure: ids come from a seed and time is an argument.

pub mod lifecycle;
pub mod model;
mod object;
pub mod random;
pub mod storm;
