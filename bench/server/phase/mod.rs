//! What is measured, a file each: start, one stage alone, load, reads, idle sockets, one
//! event for all sockets.

pub(crate) mod fan_out;
pub(crate) mod idle;
pub(crate) mod load;
pub(crate) mod read;
pub(crate) mod stage;
pub(crate) mod start;
