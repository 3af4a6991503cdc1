//! What a process uses, and what is done to it from outside.

use std::{fmt, fs, fs::File, path::Path};

use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit},
};

/// The most that was seen in any life of the server.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    pub(super) memory_kib: u64,
    /// Open files at the end of a life beyond those at its start.
    pub(super) files_more: usize,
    files: usize,
}

impl Usage {
    pub(super) fn sample(&mut self, pid: u32) {
        self.memory_kib = self.memory_kib.max(memory_kib(pid));
        self.files = self.files.max(open_files(pid));
    }

    pub(super) fn end_life(&mut self, files_before: usize, files_after: usize) {
        self.files_more = self.files_more.max(files_after.saturating_sub(files_before));
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = self.memory_kib / 1024;
        write!(f, "memory at most {mib} MiB; at most {} open files, ", self.files)?;
        write!(f, "{} more after the floods than before", self.files_more)
    }
}

/// The resident memory of a process.
pub(crate) fn memory_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}

pub(super) fn open_files(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// Limits the size of the files that a process may write: to it, the disk is full.
pub(super) fn set_disk_full(pid: u32, is_full: bool) {
    let pid = Pid::from_raw(pid.try_into().unwrap());
    let current = is_full.then_some(1);
    let limit = Rlimit { current, maximum: None };
    prlimit(pid, Resource::Fsize, limit).unwrap();
}

/// Thousands of connections at once.
pub(super) fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
}

/// Makes a pipe under that name. It can be written to for as long as the returned file is open, and nobody
/// reads it.
pub(super) fn unread_pipe(path: &Path) -> File {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    File::options().read(true).write(true).open(path).unwrap()
}
