//! The AWS backend, against emulators of AWS.

mod cloud;
mod emulator;
mod queue;
mod queue_edges;
mod queue_letters;
