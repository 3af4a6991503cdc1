//! What the two benchmarks share: their command line, the machine, events, ids, HTTP and figures.
//!
//! It measures nothing itself and refuses to judge: a slow figure is a figure.

pub mod args;
pub mod clock;
pub mod event;
pub mod http;
pub mod id;
pub mod machine;
pub mod process;
pub mod stats;
