//! A store in memory, for the tests of this package: it notes what it is asked for and refuses what a
//! test tells it to. It keeps no promise of a backend beyond that.

use std::{collections::VecDeque, sync::Mutex};

use tierlift_core::{
    account::Account,
    customer::Customer,
    decide::{Commit, Loaded},
    id::{CustomerId, EventId, UserId},
    ledger::LedgerEntry,
    ports::{LoadKeys, Store, StoreError},
    time::Timestamp,
};

/// A store of one customer and some accounts. A load gives the accounts that it names and no other.
#[derive(Default)]
pub(crate) struct Scripted {
    pub(crate) customer: Option<Customer>,
    /// The users that are due. One without an account cannot be read.
    pub(crate) due: Vec<(UserId, Option<Account>)>,
    /// Why commits are refused, the first first; the others are taken.
    pub(crate) refusals: Mutex<VecDeque<Option<StoreError>>>,
    pub(crate) loads: Mutex<Vec<Vec<UserId>>>,
    pub(crate) commits: Mutex<Vec<Commit>>,
}

impl Scripted {
    /// A store that refuses its first commits; `None` is one that it takes.
    pub(crate) fn refusing(refusals: impl IntoIterator<Item = Option<StoreError>>) -> Self {
        Self { refusals: Mutex::new(refusals.into_iter().collect()), ..Self::default() }
    }
}

impl Store for Scripted {
    async fn load(&self, keys: &LoadKeys) -> Result<Loaded, StoreError> {
        self.loads.lock().unwrap().push(keys.users.iter().cloned().collect());
        let customer = self.customer.clone();
        let customer = customer.or_else(|| keys.customer.clone().map(Customer::new));
        let accounts = keys.users.iter().map(|user| (user.clone(), None)).collect();
        Ok(Loaded { customer, accounts, ..Loaded::default() })
    }

    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        if let Some(refusal) = self.refusals.lock().unwrap().pop_front().flatten() {
            return Err(refusal);
        }
        self.commits.lock().unwrap().push(commit);
        Ok(())
    }

    async fn account(&self, user: &UserId) -> Result<Option<Account>, StoreError> {
        let due = self.due.iter().find(|(due, _)| due == user);
        let account = due.and_then(|(_, account)| account.clone());
        account.map(Some).ok_or_else(|| StoreError::Corrupt("a damaged account".to_owned()))
    }

    async fn customer(&self, _: &CustomerId) -> Result<Option<Customer>, StoreError> {
        unreachable!("the worker loads customers with their accounts")
    }

    async fn ledger(&self, _: &EventId) -> Result<Option<LedgerEntry>, StoreError> {
        unreachable!("the worker reads no ledger")
    }

    async fn expired(&self, _: Timestamp, max: usize) -> Result<Vec<UserId>, StoreError> {
        Ok(self.due.iter().take(max).map(|(user, _)| user.clone()).collect())
    }
}
