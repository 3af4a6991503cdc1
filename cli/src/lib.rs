//! The `tierlift` program as a library: its arguments, its configuration, the server's start, the
//! demo, and a generator of Stripe lifecycles that tests use too.
//!
//! It holds no rule about roles: `tierlift_core` does. It decides what a run is made of, and says
//! in plain words what is missing.

mod args;
pub mod config;
mod credentials;
mod demo;
mod exit;
mod log;
mod serve;
pub mod simulate;

pub use exit::main;
