//! The data file as the operating system knows it: which one it is, who has it, and whether it is still
//! where it was opened.
//!
//! With only SQLite's own locks, a second server could open the file and take turns with the first,
//! whose index of the queue in memory would then be wrong. So a process locks the file itself, whichever name
//! or link led to it. The operating system releases the lock when the process ends, however it ends.
//!
//! SQLite loses its own locks when any descriptor of the file is closed in its process. So this one is closed
//! last.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::error::OpenError;

/// What SQLite adds to the name of a file for that of its log.
pub(super) const LOG_SUFFIX: &str = "-wal";
/// What is added for the note of the latest mark.
pub(super) const NOTE_SUFFIX: &str = "-mark";

/// A locked data file.
#[derive(Debug)]
pub(super) struct DataFile {
    /// Its name without links: SQLite puts the log beside that.
    path: PathBuf,
    log_path: PathBuf,
    note_path: PathBuf,
    file: File,
    lock: File,
    identity: Option<Identity>,
    /// The log, once it is there.
    log: Option<Identity>,
}

impl DataFile {
    /// Opens the file, creates it for its owner alone if it is missing, and locks it.
    pub(super) fn acquire(name: &Path) -> Result<Self, OpenError> {
        let path_text = || name.display().to_string();
        if is_special(name) {
            return Err(OpenError::Name { path: path_text() });
        }
        let io = |source| OpenError::Io { path: path_text(), source };
        let file = open(name).map_err(io)?;
        let path = name.canonicalize().map_err(io)?;
        let lock = lock_file(&file, &path).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse { path: path_text() }),
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        let (log_path, note_path) = (beside(&path, LOG_SUFFIX), beside(&path, NOTE_SUFFIX));
        let identity = Some(Identity::of(&file.metadata().map_err(io)?));
        let acquired = Self { path, log_path, note_path, file, lock, identity, log: None };
        if acquired.is_in_place() {
            Ok(acquired)
        } else {
            // It was replaced between the two.
            Err(io(io::ErrorKind::NotFound.into()))
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn log_path(&self) -> &Path {
        &self.log_path
    }

    /// Where the latest mark of an incomplete file is noted.
    pub(super) fn note_path(&self) -> &Path {
        &self.note_path
    }

    /// Size of the log, in bytes.
    pub(super) fn log_bytes(&self) -> u64 {
        fs::metadata(&self.log_path).map_or(0, |log| log.len())
    }

    /// What is left for this process on the file's disk, in bytes, if the system says so.
    pub(super) fn disk_free_bytes(&self) -> Option<u64> {
        let disk = rustix::fs::fstatvfs(&self.file).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// The first bytes of the file; fewer if it is shorter.
    pub(super) fn head<const N: usize>(&self) -> io::Result<Option<[u8; N]>> {
        let mut head = [0; N];
        match std::os::unix::fs::FileExt::read_exact_at(&self.file, &mut head, 0) {
            Ok(()) => Ok(Some(head)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Overwrites some bytes of the file.
    pub(super) fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(&self.file, bytes, offset)
    }

    /// Remembers which file the log is. SQLite keeps it for as long as the data file is open.
    pub(super) fn remember_log(&mut self) {
        self.log = fs::metadata(&self.log_path).ok().map(|log| Identity::of(&log));
    }

    /// Whether the file and its log are still what their names lead to. If not, what is written now is lost
    /// with them.
    pub(super) fn is_in_place(&self) -> bool {
        leads_to(&self.path, self.identity) && leads_to(&self.log_path, self.log)
    }
}

impl Drop for DataFile {
    /// Closing the file is not enough: a child process that is just being started briefly holds a copy
    /// of the descriptor, and the lock with it.
    fn drop(&mut self) {
        if let Err(error) = self.lock.unlock() {
            tracing::debug!(%error, "file not unlocked; the lock ends with its last descriptor");
        }
    }
}

/// What distinguishes a file from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(file: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self { device: file.dev(), inode: file.ino() }
    }
}

/// Whether a name still leads to a file. If the system does not say, it does.
fn leads_to(path: &Path, file: Option<Identity>) -> bool {
    let Some(file) = file else { return true };
    match fs::metadata(path) {
        Ok(found) => Identity::of(&found) == file,
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// Names that SQLite does not take for a file's: a database in memory, a temporary one, a URI.
fn is_special(name: &Path) -> bool {
    let name = name.as_os_str().as_encoded_bytes();
    name.is_empty() || name.starts_with(b":") || name.starts_with(b"file:")
}

/// The name of a file beside a data file.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// A new file is its owner's only, since it says who pays for what. An existing file keeps its permissions.
fn open(name: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(name)
}

/// The file that is locked: the data file, by a lock on whole files, which Linux keeps apart from the locks on
/// ranges that SQLite takes.
#[cfg(target_os = "linux")]
fn lock_file(data: &File, _: &Path) -> io::Result<File> {
    data.try_clone()
}

/// The file that is locked: one beside the data file, because the two kinds of locks exclude each other here.
#[cfg(not(target_os = "linux"))]
fn lock_file(_: &File, path: &Path) -> io::Result<File> {
    open(&beside(path, ".lock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_a_child_process_holds_does_not_keep_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("tierlift.db");
        let held = DataFile::acquire(&data).unwrap();
        let _inherited = held.lock.try_clone().unwrap();
        assert!(matches!(DataFile::acquire(&data), Err(OpenError::InUse { .. })));
        drop(held);
        drop(DataFile::acquire(&data).unwrap());
    }

    #[test]
    fn names_that_sqlite_reads_otherwise_are_refused() {
        for name in ["", ":memory:", ":other:", "file:x?mode=memory", "file:/tmp/x"] {
            let refused = DataFile::acquire(Path::new(name));
            assert!(matches!(refused, Err(OpenError::Name { .. })), "{name:?}");
        }
    }
}
