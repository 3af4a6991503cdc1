//! All integration tests, in one binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is tests: a broken promise should stop it where it breaks"
)]

mod aws;
mod bad_input;
mod cli;
mod contract;
mod crash;
mod dependencies;
mod docs;
mod http;
mod localstripe;
mod pipeline;
mod process;
mod session;
mod sockets;
mod support;
