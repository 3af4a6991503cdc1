//! What the writing thread owns: the file, the queue's index, and the rows it caches.

use std::sync::Arc;

use rusqlite::Connection;
use tierlift_core::account::Account;
use tokio::sync::watch;

use super::{
    accounts::Accounts,
    cache::Cache,
    completed::Completed,
    file::DataFile,
    health::Health,
    index::{Index, IndexChange},
    mark::Mark,
};

/// The state that jobs on the writing thread work on.
pub(super) struct Tables {
    pub(super) connection: Connection,
    pub(super) index: Index,
    pub(super) cache: Cache,
    /// The rows that the next transaction deletes.
    pub(super) completed: Completed,
    pub(super) file: Arc<DataFile>,
    pub(super) health: Arc<Health>,
    /// The number of the latest mark of an incomplete file.
    mark_number: u16,
    /// Whether something was committed since this was last reset.
    pub(super) has_changed: bool,
    /// Whether an operator paused the worker: nothing is delivered then.
    pub(super) is_paused: bool,
    /// What the open transaction will change in the index. The index itself always shows what is
    /// committed, so a lost transaction leaves every delivery as it was.
    changes: Vec<IndexChange>,
    /// The position of the latest change that is committed, for those who follow the log.
    latest_position: watch::Sender<u64>,
    /// That of the latest one in the open transaction.
    logged: Option<u64>,
    /// The accounts as they are committed, for those who ask for roles.
    accounts: Arc<Accounts>,
    /// What the open transaction will change about them.
    account_changes: Vec<AccountChange>,
}

/// What a transaction changes about the accounts in memory.
enum AccountChange {
    /// One was written, and is this now.
    Written(Arc<Account>),
    /// Some were deleted.
    Deleted,
}

impl Tables {
    /// The tables of a file whose queue has this index.
    pub(super) fn new(
        connection: Connection,
        index: Index,
        file: Arc<DataFile>,
        health: Arc<Health>,
        latest_position: watch::Sender<u64>,
        accounts: Arc<Accounts>,
    ) -> Self {
        health.queue_moved_on(index.len() == 0);
        Self {
            connection,
            index,
            cache: Cache::default(),
            completed: Completed::default(),
            file,
            mark_number: health.any_number(),
            health,
            has_changed: false,
            is_paused: false,
            changes: Vec::new(),
            latest_position,
            logged: None,
            accounts,
            account_changes: Vec::new(),
        }
    }

    /// The open transaction has written an account, decided on the version before. Its JSON takes `bytes`.
    pub(super) fn wrote_account(&mut self, mut account: Account, bytes: usize) {
        account.version = account.version.next();
        let account = Arc::new(account);
        self.cache.wrote_account(Arc::clone(&account), bytes);
        self.account_changes.push(AccountChange::Written(account));
    }

    /// The open transaction has deleted accounts or customers.
    pub(super) fn deleted(&mut self) {
        self.cache.clear();
        self.account_changes.push(AccountChange::Deleted);
    }

    /// The next mark of an incomplete file.
    pub(super) fn next_mark(&mut self) -> Mark {
        let mark = Mark::next_incomplete(self.mark_number);
        if let Mark::Incomplete(number) = mark {
            self.mark_number = number;
        }
        mark
    }

    /// Changes the index when the open transaction is committed.
    pub(super) fn change_index(&mut self, change: IndexChange) {
        self.changes.push(change);
    }

    /// The open transaction has written changes up to that position.
    pub(super) fn logged(&mut self, latest: Option<u64>) {
        self.logged = latest.or(self.logged);
    }

    /// Removes the message of a delivery from the index, and its row with the next transaction.
    pub(super) fn complete(&mut self, delivery: u64) {
        if let Some(seq) = self.index.row_of(delivery) {
            self.completed.push(seq);
            self.index.complete(delivery);
            self.health.queue_moved_on(self.index.len() == 0);
        }
    }

    /// The open transaction was committed.
    pub(super) fn committed(&mut self) {
        self.completed.committed();
        let mut moves_on = self.index.len() == 0;
        for change in self.changes.drain(..) {
            moves_on |= matches!(change, IndexChange::Completed(_));
            self.index.apply(change);
        }
        // Before the commit is reported.
        for change in self.account_changes.drain(..) {
            match change {
                AccountChange::Written(account) => self.accounts.committed(account),
                AccountChange::Deleted => self.accounts.clear(),
            }
        }
        if let Some(position) = self.logged.take() {
            self.latest_position.send_replace(position);
        }
        if moves_on {
            self.health.queue_moved_on(self.index.len() == 0);
        }
    }

    /// The open transaction was lost.
    pub(super) fn lost(&mut self) {
        self.changes.clear();
        self.logged = None;
        self.account_changes.clear();
        self.cache.clear();
    }
}
