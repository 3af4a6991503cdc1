//! The AWS backend, against emulators of AWS. All integration tests, in one binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is tests: a broken promise should stop it where it breaks"
)]

mod connections;
mod contract;
mod deploy;
mod deploy_chain;
mod deploy_events;
mod deploy_sockets;
mod deploy_webhooks;
mod dynoxide;
mod emulator;
mod endpoint;
mod faults;
mod proxy;
mod queue_dead_letters;
mod queue_edges;
mod resources;
mod secrets;
mod store;
mod store_faults;
mod table;
