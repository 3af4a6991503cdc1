//! The AWS backend, against emulators of AWS. All integration tests, in one binary.
#![allow(clippy::restriction, clippy::missing_panics_doc, reason = "tests stop where they fail")]

mod connections;
mod contract;
mod deploy;
mod deploy_chain;
mod deploy_chaos;
mod deploy_console;
mod deploy_eventbridge;
mod deploy_events;
mod deploy_maintenance;
mod deploy_operators;
mod deploy_restore;
mod deploy_runbook;
mod deploy_sockets;
mod deploy_stripe;
mod deploy_traffic;
mod deploy_update;
mod deploy_webhooks;
mod dynoxide;
mod emulator;
mod endpoint;
mod faults;
mod grants;
mod person;
mod proxy;
mod queue_dead_letters;
mod queue_edges;
mod reconcile;
mod resources;
mod secrets;
mod store;
mod store_faults;
mod store_scan;
mod table;
mod traffic;
