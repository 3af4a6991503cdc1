//! A stand-in for Stripe's API: one account, read by the requests that tierlift sends, on 127.0.0.1.
//!
//! It runs on threads of its own, so that a test may pause its runtime's time. What it should do wrong is said
//! beforehand, one fault for each request; everything it was asked is kept.
#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::indexing_slicing,
    reason = "test support; an index into JSON inserts or is null"
)]

mod fault;
mod objects;
mod query;
#[cfg(test)]
mod recorded_tests;
mod server;
mod shop;

pub use fault::Fault;
pub use server::StripeApi;
pub use shop::{price, product, webhook_endpoint};
