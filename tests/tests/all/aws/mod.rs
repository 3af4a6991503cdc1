//! The AWS backend, against emulators of AWS.

mod cloud;
mod connections;
mod dynoxide;
mod emulator;
mod faults;
mod proxy;
mod queue;
mod queue_edges;
mod queue_letters;
mod store;
mod store_faults;
mod store_table;
