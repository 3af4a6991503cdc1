//! The AWS backend, against AWS emulators.

mod cloud;
mod connections;
mod deploy;
mod deploy_chain;
mod deploy_events;
mod deploy_sockets;
mod deploy_webhooks;
mod dynoxide;
mod emulator;
mod faults;
mod proxy;
mod queue;
mod queue_edges;
mod queue_letters;
mod secrets;
mod store;
mod store_faults;
mod store_table;
