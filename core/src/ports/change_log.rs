//! The log of changes: every committed change, in the order of the commits, for hosts that follow them. A commit
//! and its changes are written together, so none is missing and none stands twice.

use std::{fmt, future::Future, str::FromStr};

use sha2::{Digest as _, Sha256};

use super::StoreError;
use crate::change::Change;

/// A place in the log: behind a change, or at its beginning.
///
/// It also says what it is behind. A restored backup may have another change at the same position, and whoever
/// followed the old log must not go on in the new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The number of the change, from 1; 0 at the beginning.
    pub position: u64,
    tag: u64,
}

impl Cursor {
    /// The place behind a change, which is stored as that text.
    #[must_use]
    pub fn behind(position: u64, change: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(change.as_bytes()).into();
        let tag = digest.first_chunk().copied().map_or(0, u64::from_be_bytes);
        Self { position, tag }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.position, self.tag)
    }
}

/// The text is no cursor.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("this is no cursor: take one from an earlier answer")]
pub struct CursorError;

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (position, tag) = text.split_once('-').ok_or(CursorError)?;
        let position = position.parse().map_err(|_| CursorError)?;
        let tag = u64::from_str_radix(tag, 16).map_err(|_| CursorError)?;
        let cursor = Self { position, tag };
        if cursor.to_string() == text { Ok(cursor) } else { Err(CursorError) }
    }
}

/// A change in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedChange {
    /// The place behind it.
    pub cursor: Cursor,
    /// The change.
    pub change: Change,
}

/// Reads the log of changes.
pub trait ChangeLog: Send + Sync {
    /// At most `max` changes after a place, or the oldest that are kept; `None` if what followed the place is
    /// not kept any more, or the place is of another log.
    fn changes_after(
        &self,
        after: Option<Cursor>,
        max: usize,
    ) -> impl Future<Output = Result<Option<Vec<LoggedChange>>, StoreError>> + Send;

    /// The place behind the latest change.
    fn latest_change(&self) -> impl Future<Output = Result<Cursor, StoreError>> + Send;

    /// Returns when there may be a change after that place.
    fn wait_for_change(&self, after: Cursor) -> impl Future<Output = ()> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_its_text_and_knows_what_it_is_behind() {
        for cursor in [Cursor::default(), Cursor::behind(7, "{}"), Cursor::behind(u64::MAX, "x")] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        assert_ne!(Cursor::behind(7, "a"), Cursor::behind(7, "b"));
        for text in ["", "7", "7-", "-7", "+7-0000000000000000", "7-0", "x-0000000000000000"] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError), "{text}");
        }
    }
}
