//! The store: customers, accounts and the ledger. It decides nothing; it refuses a commit on versions that
//! are no longer current.

use std::future::Future;

use crate::{
    account::Account,
    codes::Code,
    customer::Customer,
    decide::{Commit, LoadKeys, Loaded},
    id::{CustomerId, EventId, UserId},
    ledger::LedgerEntry,
    time::Timestamp,
};

/// Why a store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The ledger has the event already. Nothing was written.
    #[error("the event was processed before")]
    Duplicate,
    /// Another writer changed an aggregate since it was loaded. Nothing was written.
    #[error("another writer committed first")]
    Conflict,
    /// An item would be larger than the store can hold. Nothing was written; retrying does not help.
    #[error("the store cannot hold it: {0}")]
    TooLarge(Code),
    /// A stored row is not what was written. Nothing was written; retrying does not help.
    #[error("a stored row cannot be read: {0}")]
    Corrupt(String),
    /// It could not be read or written. Whether anything was written is unknown.
    #[error("the store is unavailable: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// The cause for a failure record.
    #[must_use]
    pub const fn cause(&self) -> Code {
        match self {
            Self::Duplicate | Self::Conflict => Code::StoreConflict,
            Self::TooLarge(cause) => *cause,
            Self::Corrupt(_) => Code::StoreCorrupt,
            Self::Unavailable(_) => Code::StoreUnavailable,
        }
    }
}

/// Loads what a decision needs and commits the decision.
pub trait Store: Send + Sync {
    /// Reads everything that a decision needs, strongly consistent.
    fn load(&self, keys: &LoadKeys) -> impl Future<Output = Result<Loaded, StoreError>> + Send;

    /// Writes a decision in one transaction: all of it or none, and only onto the versions that it
    /// was decided on. When this returns `Ok`, it is durable.
    fn commit(&self, commit: Commit) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// A user's account, as last committed.
    fn account(
        &self,
        user: &UserId,
    ) -> impl Future<Output = Result<Option<Account>, StoreError>> + Send;

    /// A customer, as last committed.
    fn customer(
        &self,
        customer: &CustomerId,
    ) -> impl Future<Output = Result<Option<Customer>, StoreError>> + Send;

    /// An event's ledger row.
    fn ledger(
        &self,
        event: &EventId,
    ) -> impl Future<Output = Result<Option<LedgerEntry>, StoreError>> + Send;

    /// Users whose access, or part of it, expired at or before `now` and is not settled yet; at most `max`.
    fn expired(
        &self,
        now: Timestamp,
        max: usize,
    ) -> impl Future<Output = Result<Vec<UserId>, StoreError>> + Send;
}
