//! One process per file: an advisory lock on a file beside the data.
//!
//! SQLite's own locks would let a second server in and take turns with it; the queue's index in
//! memory would not survive that. The operating system drops the lock when the process ends,
//! however it ends.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
};

use super::OpenError;

pub(super) struct Lock(#[expect(dead_code, reason = "holds the lock until it is dropped")] File);

impl Lock {
    /// Takes the lock or says who cannot have the file.
    pub(super) fn take(data: &Path) -> Result<Self, OpenError> {
        let path = data.display().to_string();
        let mut name = data.as_os_str().to_owned();
        name.push(".lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&name)
            .map_err(|source| OpenError::Io { path: path.clone(), source })?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path }),
            Err(TryLockError::Error(source)) => Err(OpenError::Io { path, source }),
        }
    }
}
