//! All integration tests, in one binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is tests: a broken promise should stop it where it breaks"
)]

mod cli;
mod contract;
mod http;
mod session;
mod sockets;
mod support;
