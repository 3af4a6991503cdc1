//! What the writing thread owns: the file, the queue's index, and the rows it caches.

use rusqlite::Connection;

use super::{cache::Cache, index::Index};

/// The state that jobs on the writing thread work on.
pub(super) struct Tables {
    pub(super) connection: Connection,
    pub(super) index: Index,
    pub(super) cache: Cache,
}

impl Tables {
    /// The tables of a file whose queue has this index.
    pub(super) fn new(connection: Connection, index: Index) -> Self {
        Self { connection, index, cache: Cache::default() }
    }
}
