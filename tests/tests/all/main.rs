//! All integration tests, in one binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is tests: a broken promise should stop it where it breaks"
)]

mod bad_input;
mod contract;
mod crash;
mod dependencies;
mod docs;
mod http;
mod localstripe;
mod pipeline;
mod server;
mod session;
mod sockets;
mod tierlift;
