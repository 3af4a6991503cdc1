//! What operators need of a backend beyond what the stages do: dead letters page by page, those that were
//! discarded, notes, the ledger as a list, and a worker that can be paused.
//!
//! Every act is written together with its row of the ledger.

use std::{collections::BTreeMap, future::Future};

use serde::{Deserialize, Serialize};

use super::{dead_letters::DeadLetter, scan::Page, store::StoreError};
use crate::{
    id::{CustomerId, EventId, UserId},
    ledger::{Act, LedgerEntry},
    time::Timestamp,
};

/// A dead letter that an operator discarded. It can be brought back until it expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discarded {
    /// The dead letter.
    pub dead_letter: DeadLetter,
    /// Who discarded it, and why.
    pub act: Act,
    /// Time at which it was discarded.
    pub discarded_at: Timestamp,
    /// Time from which it may be deleted.
    pub expires_at: Timestamp,
}

/// What an operator wrote about a group of dead letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Who wrote it, and what.
    #[serde(flatten)]
    pub act: Act,
    /// Time at which it was written.
    pub at: Timestamp,
}

/// Which rows of the ledger are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerFilter {
    /// Only those of this customer.
    pub customer: Option<CustomerId>,
    /// Only those that concern this user.
    pub user: Option<UserId>,
    /// Only those that were processed at this time or later.
    pub since: Option<Timestamp>,
    /// Only what somebody did by hand.
    pub acts_only: bool,
}

/// What became of an event since it was redriven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was applied: it has a row of the ledger.
    Applied,
    /// It failed again: it is a dead letter.
    Failed,
    /// Neither yet.
    Queued,
}

/// How the worker does, as far as the backend knows it without looking at every row of the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Messages that are delivered and not settled.
    pub in_flight: Option<u64>,
    /// Messages that wait for Stripe's answer in a queue of their own, if there is one.
    pub thin_queued: Option<u64>,
    /// The row of the webhook or observation that was last applied.
    pub last_event: Option<LedgerEntry>,
    /// Events that were applied in the last minute.
    pub applied_last_minute: Option<u64>,
}

/// Reads and writes what only operators need.
pub trait Operations: Send + Sync {
    /// A page of at most `max` dead letters, oldest first: those behind `after` and up to `until`. One that
    /// fails again is behind all others. It ends early with the one whose body reaches
    /// [`DEAD_LETTERS_PAGE_BYTES_MAX`](crate::limits::DEAD_LETTERS_PAGE_BYTES_MAX).
    fn dead_letters(
        &self,
        after: Option<&str>,
        until: Option<&str>,
        max: usize,
    ) -> impl Future<Output = Result<Page<DeadLetter>, StoreError>> + Send;

    /// The place behind the newest dead letter, as it is now.
    fn dead_letters_end(&self) -> impl Future<Output = Result<Option<String>, StoreError>> + Send;

    /// What became of events that were redriven, in their order.
    fn fates(
        &self,
        events: &[EventId],
    ) -> impl Future<Output = Result<Vec<Fate>, StoreError>> + Send;

    /// Discards a dead letter; returns false if there is none for this event.
    fn discard(
        &self,
        event: &EventId,
        entry: LedgerEntry,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Makes a discarded message a dead letter again; returns false if there is none for this event.
    fn undiscard(
        &self,
        event: &EventId,
        entry: LedgerEntry,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// A page of at most `max` discarded dead letters, newest first; it begins behind `after`, and may end early.
    fn discarded(
        &self,
        after: Option<&str>,
        max: usize,
    ) -> impl Future<Output = Result<Page<Discarded>, StoreError>> + Send;

    /// Deletes what is stored of events that were never applied, permanently: their dead letters, and what was
    /// discarded of them. Returns of how many events there was something.
    fn erase_messages(
        &self,
        events: &[EventId],
    ) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// The notes on groups of dead letters.
    fn notes(&self) -> impl Future<Output = Result<BTreeMap<String, Note>, StoreError>> + Send;

    /// Writes the note on a group of dead letters.
    fn set_note(
        &self,
        group: &str,
        entry: LedgerEntry,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Adds dead letters that come from elsewhere. What is known already, wherever it stands, is left as it is. Returns
    /// how many were added.
    fn import_dead_letters(
        &self,
        dead_letters: Vec<DeadLetter>,
        entry: LedgerEntry,
    ) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Deletes the note on a group of dead letters.
    fn erase_note(&self, group: &str) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Replaces rows of the ledger, each under the event that it was found by. The new row may have another event.
    fn replace_rows(
        &self,
        rows: Vec<(EventId, LedgerEntry)>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// How the worker does at `now`.
    fn activity(&self, now: Timestamp)
    -> impl Future<Output = Result<Activity, StoreError>> + Send;

    /// Rows of the ledger, newest first, at most `max`; the page begins behind `before`.
    fn ledger_page(
        &self,
        filter: &LedgerFilter,
        before: Option<&str>,
        max: usize,
    ) -> impl Future<Output = Result<Page<LedgerEntry>, StoreError>> + Send;

    /// Who paused the worker, and since when; `None` if it runs.
    fn paused(&self) -> impl Future<Output = Result<Option<Note>, StoreError>> + Send;

    /// Pauses the worker, or lets it go on. Nothing more is delivered while it is paused, and webhooks are
    /// acknowledged all the same.
    fn set_paused(
        &self,
        is_paused: bool,
        entry: LedgerEntry,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
