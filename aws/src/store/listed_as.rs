//! The attributes that put an item into the index of what operators list.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use tierlift_core::time::Timestamp;

/// What an item is listed as: the partition of the index.
pub(super) const LISTED_AS: &str = "listed_as";
/// The time by which it is listed, in microseconds since the epoch.
pub(super) const LISTED_AT: &str = "listed_at";

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    /// Rows of the ledger that somebody wrote by hand.
    Act,
    /// Discarded dead letters.
    Discarded,
    /// Notes on groups of dead letters.
    Note,
}

impl Listed {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Act => "act",
            Self::Discarded => "discarded",
            Self::Note => "note",
        }
    }

    /// Puts an item into the index.
    pub(crate) fn insert(self, item: &mut HashMap<String, AttributeValue>, at: Timestamp) {
        item.insert(LISTED_AS.to_owned(), AttributeValue::S(self.as_str().to_owned()));
        item.insert(LISTED_AT.to_owned(), AttributeValue::N(at.as_micros().to_string()));
    }
}
