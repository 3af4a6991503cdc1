//! Connections that read committed state beside the writing thread. In WAL mode neither waits for
//! the other. They are opened read-only.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};
use tierlift_core::limits::{READ_BUSY_TIMEOUT_SECS, READERS_IDLE_MAX};

use super::error::Error;

pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let readers = Self { path: path.to_owned(), idle: Mutex::default() };
        let first = readers.connect()?;
        readers.keep(first);
        Ok(readers)
    }

    /// Runs a read on an idle connection, or on a new one if there is none.
    pub(super) fn with<R>(
        &self,
        read: impl FnOnce(&Connection) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let result = read(&connection);
        self.keep(connection);
        result
    }

    /// Closes the idle connections.
    pub(super) fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < READERS_IDLE_MAX {
            idle.push(connection);
        }
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        connect(&self.path)
    }
}

/// A connection that cannot write. The name is a file's, never a URI.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(READ_BUSY_TIMEOUT_SECS))?;
    Ok(connection)
}
