//! What tests, benchmarks and `tierlift trigger` share.
//!
//! The generator of Stripe lifecycles is pure: ids come from a seed and time is an argument. What
//! starts processes, opens sockets or asserts is behind the feature `harness`, so that the program,
//! which ships the generator, ships and compiles none of it.

#[cfg(feature = "process")]
pub mod child;
pub mod clock;
pub mod facts;
#[cfg(feature = "harness")]
pub mod harness;
pub mod http;
#[cfg(feature = "harness")]
pub mod json_schema;
pub mod lifecycle;
#[cfg(any(test, feature = "model"))]
pub mod model;
mod object;
pub mod random;
pub mod storm;
#[cfg(feature = "stripe_api")]
pub mod stripe_api;
mod subscription;
pub mod webhook;
#[cfg(any(test, feature = "model"))]
pub mod world;

#[cfg(test)]
mod observation_tests;
#[cfg(test)]
mod truth_tests;
