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

pub(super) struct Lock(File);

impl Lock {
    /// Takes the lock or says who cannot have the file. A link to a file is that file.
    pub(super) fn take(data: &Path) -> Result<Self, OpenError> {
        let path = data.display().to_string();
        // What is not there yet has no other name.
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
    /// Closing alone is not enough: a child process that is being started holds a copy of the file
    /// for a moment, and the lock with it.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::debug!(%error, "the lock ends with the file's last copy");
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
        let lock = Lock::take(&data).unwrap();
        let _inherited = lock.0.try_clone().unwrap();
        assert!(matches!(Lock::take(&data), Err(OpenError::InUse { .. })));
        drop(lock);
        drop(Lock::take(&data).unwrap());
    }
}
