//! The log of changes: every committed change under a position of its own, for hosts that follow them.
//!
//! The table's stream brings the changes, in the order of each account, and [`Changes::append`] numbers them. The
//! head says how far the log has come, and each transaction that appends replaces it. So positions have no gap, and
//! what comes twice from the stream stands in the log once.
//!
//! A log that may have missed a change is none: another one begins behind it, and whoever followed the old one
//! hears that their place is gone.

mod append;
mod read;

use serde::{Deserialize, Serialize};
use tierlift_core::{
    change::Change,
    ports::{Cursor, StoreError},
    time::Clock,
};

use super::{
    Store,
    item::{self, Item, TTL, new_item, number, text},
};

/// The key of the head.
const HEAD_KEY: &str = "CHANGES";
/// What the key of a change begins with.
const PREFIX: &str = "CHANGE#";
/// What the key of the row begins with that says which change of a user was logged last.
const LOGGED_PREFIX: &str = "LOGGED#";
/// The change of a row, as JSON. It has another name than that of an account, which starts the functions that read the stream.
const LOGGED: &str = "logged";
/// The log of a row about a user.
const LOG: &str = "log";
/// The place in the stream of the user's latest change.
const SEQUENCE: &str = "sequence";

/// The log of a table.
#[derive(Clone, Debug)]
pub struct Changes {
    store: Store,
    clock: Clock,
}

/// How far a log has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    /// Names the log: no other one has the same name.
    log: String,
    /// The stream that it follows.
    stream: String,
    /// Its first position.
    first: u64,
    /// Its latest position; one below the first while it has none.
    latest: u64,
    /// The latest change, as it is in its row. It is kept here for as long as it is the latest.
    text: String,
    /// The time up to which rows are kept so far, in seconds since the epoch. It never decreases.
    kept_until: i64,
}

/// A change as the stream brings it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamedChange {
    /// Its place in the stream. Those of one account are in the order of their texts.
    pub sequence: String,
    /// The change.
    pub change: Change,
}

/// What the stream brings at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamBatch {
    /// Names the stream.
    pub stream: String,
    /// Changes, in the order of each account.
    pub changes: Vec<StreamedChange>,
    /// Whether nothing of the stream can be missing before the end of the batch.
    pub is_complete: bool,
}

impl Changes {
    /// The log of a store's table.
    #[must_use]
    pub const fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    async fn head(&self) -> Result<Option<Head>, StoreError> {
        let item = self.store.get(HEAD_KEY.to_owned()).await?;
        Ok(item.map(|item| item::parse_record(item, HEAD_KEY)).transpose()?)
    }
}

impl Head {
    /// The place behind a change of this log.
    fn behind(&self, position: u64, text: &str) -> Cursor {
        Cursor::behind(position, &format!("{} {text}", self.log))
    }

    /// The place behind the latest change.
    fn end(&self) -> Cursor {
        if self.latest == 0 { Cursor::default() } else { self.behind(self.latest, &self.text) }
    }
}

fn row_key(position: u64) -> String {
    format!("{PREFIX}{position}")
}
