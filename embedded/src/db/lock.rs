//! One process per file: an advisory lock on a file beside the data.
//!
//! With only SQLite's own locks, a second server could open the file and take turns with the first,
//! whose index of the queue in memory would then be wrong. The operating system releases the lock when
//! the process ends, however it ends.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
};

use super::error::OpenError;

pub(super) struct Lock(File);

impl Lock {
    /// Locks the file. A link to a file counts as that file.
    pub(super) fn acquire(data: &Path) -> Result<Self, OpenError> {
        let path = data.display().to_string();
        // A file that does not exist yet has no other name.
        let mut name = data.canonicalize().unwrap_or_else(|_| data.to_owned()).into_os_string();
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

impl Drop for Lock {
    /// Closing the file is not enough: a child process that is just being started briefly holds a copy
    /// of the descriptor, and the lock with it.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::debug!(%error, "file not unlocked; the lock ends with its last descriptor");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_a_child_process_holds_does_not_keep_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("tierlift.db");
        let lock = Lock::acquire(&data).unwrap();
        let _inherited = lock.0.try_clone().unwrap();
        assert!(matches!(Lock::acquire(&data), Err(OpenError::InUse { .. })));
        drop(lock);
        drop(Lock::acquire(&data).unwrap());
    }
}
