//! A backup of the data file while it is in use: SQLite copies one committed state of it, and the copy is checked.
//! It waits for nobody, and nobody waits for it.

use std::{fs, io, path::Path};

use super::{check::check, error::Error, handle::Db};

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is a file of this name, which is left alone.
    #[error("{0} exists already")]
    Exists(String),
    /// The copy cannot be written.
    #[error("the backup cannot be written: {0}")]
    Io(#[from] io::Error),
    /// The data file cannot be copied.
    #[error(transparent)]
    Db(#[from] Error),
    /// The copy is not whole.
    #[error("the backup is not usable: {0}")]
    Damaged(String),
}

impl Db {
    /// Copies the data file, as committed at this moment, into a new file for its owner alone; checks the copy and
    /// returns its size in bytes.
    pub async fn back_up(&self, to: &Path) -> Result<u64, BackupError> {
        let name = to.display().to_string();
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let created = options.open(to);
        drop(created.map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                return BackupError::Exists(name.clone());
            }
            error.into()
        })?);
        let copy = name.clone();
        // SQLite takes an empty file for none.
        let copied = self.read_committed(move |connection| {
            connection.execute("VACUUM INTO ?1", (copy,))?;
            Ok(())
        });
        if let Err(error) = copied.await {
            drop(fs::remove_file(to));
            return Err(error.into());
        }
        fs::File::open(to)?.sync_all()?;
        let checked = to.to_owned();
        let faults = tokio::task::spawn_blocking(move || check(&checked));
        match faults.await.map_err(io::Error::other)? {
            Ok(faults) if faults.is_empty() => Ok(fs::metadata(to)?.len()),
            Ok(faults) => Err(BackupError::Damaged(faults.join("; "))),
            Err(error) => Err(BackupError::Damaged(error.to_string())),
        }
    }
}
