//! The mark that says whether the file by itself holds everything that was committed, or some of it only in
//! the log beside it. It is how a copy without its log is noticed.
//!
//! The mark is SQLite's `application_id`, which is on the first page: a checkpoint copies that page before all
//! others. The first commit after the file was complete marks it incomplete: in its transaction, and in the file
//! itself, since an open reader may hold off every checkpoint. It is marked complete again when everything else
//! is in the file, and that checkpoint copies the first page alone. So a file that says that it is complete is
//! whole.
//!
//! What SQLite itself copies (`.backup`, `VACUUM INTO`) is whole whatever the mark says. The one does not take
//! over the schema version, and the other makes a file without a log.
//!
//! Any program that opens the file with SQLite after a crash brings the log into it, and removes the log, but
//! leaves the mark. So a mark has a number, and the latest one is noted beside the file: an incomplete file is
//! whole if its log is gone and the note is there.

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
};

use rusqlite::Connection;

use super::{
    error::Error,
    file::{DataFile, LOG_SUFFIX, NOTE_SUFFIX, beside},
};

/// "tlft", which identifies the file to `file` and to SQLite.
const COMPLETE: i32 = 0x746c_6674;
/// "tl", and the number of the mark.
const INCOMPLETE: i32 = 0x746c_0000;
/// Where SQLite keeps the `application_id` (<https://www.sqlite.org/fileformat2.html>).
const OFFSET: usize = 68;
/// Where it says whether there may be a log, and that there may be one.
const FORMAT_OFFSET: usize = 18;
const FORMAT_WITH_LOG: u8 = 2;
/// Where it keeps the schema version.
const SCHEMA_OFFSET: usize = 40;
/// Bytes of a file that contain both.
pub(super) const HEAD_BYTES: usize = OFFSET + 4;
/// The schema version of a file that tierlift has opened, or a little more. SQLite counts from 0.
const SCHEMA_VERSION_MIN: i32 = 0x4000_0000;

/// What a file says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Complete,
    /// With a number that is another one each time.
    Incomplete(u16),
}

impl Mark {
    /// The mark with an `application_id`; `None` if the file is not tierlift's.
    pub(super) const fn parse(application_id: i32) -> Option<Self> {
        if application_id == COMPLETE {
            return Some(Self::Complete);
        }
        let [t, l, high, low] = application_id.to_be_bytes();
        let number = u16::from_be_bytes([high, low]);
        if matches!([t, l], [b't', b'l']) { Some(Self::Incomplete(number)) } else { None }
    }

    /// The mark of an incomplete file after this one was its latest.
    pub(super) fn next_incomplete(number: u16) -> Self {
        let next = Self::Incomplete(number.wrapping_add(1));
        if next.application_id() == COMPLETE {
            return Self::Incomplete(number.wrapping_add(2));
        }
        next
    }

    /// The mark that the file itself has, whatever is in the log; `None` if SQLite made it as a copy.
    pub(super) fn of_head(head: &[u8; HEAD_BYTES]) -> Option<Self> {
        let schema_version = i32::from_be_bytes(*head.get(SCHEMA_OFFSET..)?.first_chunk()?);
        if head.get(FORMAT_OFFSET) != Some(&FORMAT_WITH_LOG) || schema_version < SCHEMA_VERSION_MIN
        {
            return None;
        }
        Self::parse(i32::from_be_bytes(*head.last_chunk()?))
    }

    /// Writes the mark into the file, past SQLite, and notes it beside the file. What SQLite has of this
    /// page is the same, or follows in the transaction that is open.
    pub(super) fn write(self, file: &DataFile) -> io::Result<()> {
        let id = self.application_id().to_be_bytes();
        file.write_at(&id, OFFSET as u64)?;
        fs::write(file.note_path(), id)
    }

    /// Writes the mark, in the open transaction if there is one.
    pub(super) fn set(self, connection: &Connection) -> rusqlite::Result<()> {
        connection.pragma_update(None, "application_id", self.application_id())
    }

    fn application_id(self) -> i32 {
        match self {
            Self::Complete => COMPLETE,
            Self::Incomplete(number) => INCOMPLETE | i32::from(number),
        }
    }
}

/// Whether a file says that it is incomplete, and the log that it needs is not beside it.
pub(super) fn lacks_log(file: &Path) -> io::Result<bool> {
    let file = file.canonicalize()?;
    let mut head = [0; HEAD_BYTES];
    match fs::File::open(&file)?.read_exact(&mut head) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        read => read?,
    }
    let Some(mark @ Mark::Incomplete(_)) = Mark::of_head(&head) else { return Ok(false) };
    let has_log = fs::metadata(beside(&file, LOG_SUFFIX)).is_ok_and(|log| log.len() > 0);
    let note = fs::read(beside(&file, NOTE_SUFFIX)).unwrap_or_default();
    Ok(!has_log && note != mark.application_id().to_be_bytes())
}

/// Gives a file the schema version of one that tierlift has opened. Nobody else must be writing.
pub(super) fn claim(connection: &Connection) -> rusqlite::Result<()> {
    let found: i32 = connection.pragma_query_value(None, "schema_version", |row| row.get(0))?;
    if found >= SCHEMA_VERSION_MIN {
        return Ok(());
    }
    connection.pragma_update(None, "schema_version", SCHEMA_VERSION_MIN)
}

/// Copies what it can from the log into the file, without waiting for anybody. Returns whether that was
/// everything: an open reader, or another checkpoint, may be in the way.
pub(super) fn checkpoint(connection: &Connection) -> Result<bool, Error> {
    let (busy, logged, copied) =
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |row| {
            Ok((row.get::<_, bool>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        })?;
    Ok(!busy && logged == copied)
}

/// Brings everything into the file and marks it complete, unless somebody is in the way. The writing thread
/// calls it between two transactions, so nothing is committed meanwhile.
pub(super) fn complete(connection: &Connection) -> Result<bool, Error> {
    if !checkpoint(connection)? {
        return Ok(false);
    }
    Mark::Complete.set(connection)?;
    checkpoint(connection)
}
