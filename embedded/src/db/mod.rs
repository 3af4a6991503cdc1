//! One SQLite file that is the queue, the store and the dead letters.
//!
//! One thread owns the writing connection (`engine`). Jobs reach it over a channel; all jobs that
//! wait when it wakes share one transaction and so one fsync, and every reply waits for that commit.
//! Reads of committed state go to connections of their own (`reader`). The file belongs to one
//! process at a time, and a lock on it enforces that.
//!
//! It refuses to decide: what an event changes is core's, and what a failure means is the worker's.

mod error;
mod file;
mod health;
mod mark;
mod schema;

mod aggregates;
mod change_rows;
mod message_rows;
mod pause_row;
mod rows;
pub(crate) mod webhook;
mod webhook_rows;

mod accounts;
mod awaited;
mod cache;
mod index;
mod tables;

mod checkpoint;
mod completed;
mod dispatch;
mod engine;
mod reader;
mod transaction;

mod handle;

mod backup;
mod change_log;
mod check;
mod dead_letters;
mod erase;
mod import;
mod operations;
mod processed;
mod queue;
mod scan;
mod store;
mod webhooks;

pub use backup::BackupError;
pub use check::check;
pub use error::{Error, OpenError};
pub use handle::Db;
pub use health::FileHealth;
pub use scan::Snapshot;

#[cfg(test)]
mod account_read_tests;
#[cfg(test)]
mod completed_tests;
#[cfg(test)]
mod copy_tests;
#[cfg(test)]
mod corrupt_tests;
#[cfg(test)]
mod dead_letter_tests;
#[cfg(test)]
mod isolation_tests;
#[cfg(test)]
mod tests;
