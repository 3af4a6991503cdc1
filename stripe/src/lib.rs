//! Stripe's API over HTTPS: the only package that calls Stripe, and it only reads.
//!
//! A [`Client`] sends one request at a time for each caller, within its share of Stripe's rate limits, retries
//! what may succeed, and stops for a while when Stripe is unavailable. What an object means is core's.

mod key;
mod request;

mod breaker;
mod limiter;
mod transport;

mod answer;
mod client;

pub use client::{Client, Settings};
pub use key::{Key, KeyError};
pub use request::API_VERSION;

#[cfg(test)]
mod client_tests;
