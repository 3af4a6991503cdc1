//! What every backend promises, as tests that are generic over core's ports.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "this crate is tests: a broken promise should stop it where it breaks"
)]

pub mod contract;
pub use tierlift_testkit::facts;
