//! Why the data file cannot be opened, and why a job on it failed. It decides nothing about either.

use std::{fmt::Display, sync::Arc};

use rusqlite::{ErrorCode, ffi};
use tierlift_core::{
    ports::{QueueError, StoreError},
    time::Timestamp,
};

/// Why the file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{path} is in use by another process; one process per file")]
    InUse {
        /// The data file.
        path: String,
    },
    /// Its name is not a file's to SQLite.
    #[error("{path:?} is no file name; name a file with --data")]
    Name {
        /// The name.
        path: String,
    },
    /// It is a copy that lacks its log.
    #[error(
        "{path} lacks what was in its log, {path}-wal: it is a copy without it, or was copied while events \
         were applied; {}. Put the log beside it, restore another copy, or go on without with \
         --accept-data-loss",
        up_to(*.latest)
    )]
    Incomplete {
        /// The data file.
        path: String,
        /// Time of the latest event that it has.
        latest: Option<Timestamp>,
    },
    /// A newer version of this program wrote it.
    #[error(
        "{path} has schema version {found}, this program knows up to {known}: it was written by a \
         newer tierlift; run that one, or restore a copy from before the update"
    )]
    Newer {
        /// The data file.
        path: String,
        /// The file's schema version.
        found: i64,
        /// The latest version that this program knows.
        known: i64,
    },
    /// It is from before the first release.
    #[error("{path} was written by a tierlift from before the first release; remove it")]
    Unreleased {
        /// The data file.
        path: String,
    },
    /// It is only read, and an older version of this program, or none, wrote it.
    #[error("{path} has no data of this version of tierlift; start the server on it first")]
    NotCurrent {
        /// The data file.
        path: String,
    },
    /// It is the database of another program.
    #[error("{path} is a SQLite file, but not tierlift's; name another file with --data")]
    Foreign {
        /// The data file.
        path: String,
    },
    /// It cannot be created, read or locked.
    #[error("{path} cannot be opened: {source}")]
    Io {
        /// The data file.
        path: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// Its queue cannot be read.
    #[error("the queue in {path} cannot be read: {source}")]
    Queue {
        /// The data file.
        path: String,
        /// The error of the read.
        source: Error,
    },
    /// SQLite cannot open it.
    #[error("{path} cannot be opened: {source}")]
    Sql {
        /// The data file.
        path: String,
        /// The error of SQLite.
        source: rusqlite::Error,
    },
}

fn up_to(latest: Option<Timestamp>) -> String {
    latest.map_or_else(
        || "no event in it can be read".to_owned(),
        |latest| format!("what was applied after {latest} is missing"),
    )
}

/// Why a job on the file failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// SQLite failed; the job's transaction was rolled back.
    #[error("the database failed: {0}")]
    Sql(#[source] Arc<rusqlite::Error>),
    /// A stored row is not what was written. The job wrote nothing.
    #[error("a stored row cannot be read: {0}")]
    Corrupt(String),
    /// Another file, or none, is where the data file was.
    #[error("the data file was moved, replaced or deleted while it was open")]
    Moved,
    /// The database was closed.
    #[error("the database is closed")]
    Closed,
}

impl Error {
    /// Whether the job may have left something half done, so that its transaction must be rolled
    /// back. A job reads before it writes, and a corrupt row is found by reading.
    pub(super) const fn dooms_transaction(&self) -> bool {
        match self {
            Self::Sql(_) | Self::Moved | Self::Closed => true,
            Self::Corrupt(_) => false,
        }
    }

    /// Whether every job would fail like this one, and this one will not once the cause is gone: a full
    /// disk, a lock, a moved file. Any other error is about what the job reads or writes.
    pub(super) fn concerns_every_job(&self) -> bool {
        match self {
            Self::Sql(error) => error.sqlite_error().copied().is_some_and(is_of_the_file),
            Self::Corrupt(_) => false,
            Self::Moved | Self::Closed => true,
        }
    }
}

fn is_of_the_file(failure: ffi::Error) -> bool {
    if failure.code == ErrorCode::SystemIoFailure {
        // A page that cannot be read concerns those who read it.
        return !matches!(
            failure.extended_code,
            ffi::SQLITE_IOERR_READ
                | ffi::SQLITE_IOERR_SHORT_READ
                | ffi::SQLITE_IOERR_DATA
                | ffi::SQLITE_IOERR_CORRUPTFS
        );
    }
    matches!(
        failure.code,
        ErrorCode::PermissionDenied
            | ErrorCode::OperationAborted
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::OutOfMemory
            | ErrorCode::ReadOnly
            | ErrorCode::OperationInterrupted
            | ErrorCode::DiskFull
            | ErrorCode::CannotOpen
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::NoLargeFileSupport
            | ErrorCode::NotADatabase
    )
}

/// A row that is not what was written.
pub(super) fn corrupt(error: impl Display) -> Error {
    Error::Corrupt(error.to_string())
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(Arc::new(error))
    }
}

impl From<Error> for QueueError {
    fn from(error: Error) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        if error.concerns_every_job() {
            return Self::Unavailable(Box::new(error));
        }
        // Retrying does not help: a damaged page stays damaged.
        match error {
            Error::Corrupt(row) => Self::Corrupt(row),
            Error::Sql(_) | Error::Moved | Error::Closed => Self::Corrupt(error.to_string()),
        }
    }
}
