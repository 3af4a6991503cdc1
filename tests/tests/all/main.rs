//! All integration tests, in one binary.
#![allow(clippy::restriction, clippy::missing_panics_doc, reason = "tests stop where they fail")]

mod bad_input;
mod clock;
mod contract;
mod crash;
mod dependencies;
mod docs;
mod http;
mod items;
mod localstripe;
mod ownership;
mod pipeline;
mod policy_change;
mod purchases;
mod restore;
mod server;
mod session;
mod shapes;
mod shop;
mod sockets;
mod standing;
mod tierlift;
