//! All integration tests, in one binary.
#![allow(clippy::restriction, clippy::missing_panics_doc, reason = "tests stop where they fail")]

mod bad_input;
mod chaos;
mod clock;
mod confirm;
mod contract;
mod crash;
mod data_file;
mod dependencies;
mod docs;
mod doors;
mod dry_run;
mod fetch;
mod floods;
mod http;
mod items;
mod localstripe;
mod manners;
mod observation;
mod organisations;
mod ownership;
mod pipeline;
mod policy_change;
mod purchases;
mod reconcile;
mod restore;
mod server;
mod session;
mod shapes;
mod shop;
mod sockets;
mod standing;
mod stories;
mod stripe_api;
mod thin;
mod tierlift;
