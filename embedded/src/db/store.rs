//! The store: writes a decision's ledger row, customer and accounts in one transaction, or none of
//! them. It never merges: a decision on an old version is refused.

use std::collections::{BTreeMap, btree_map::Entry};

use tierlift_core::{
    account::Account,
    customer::Customer,
    decide::{Commit, Loaded},
    id::{CustomerId, EventId, UserId},
    ledger::LedgerEntry,
    ports::{LoadKeys, Store, StoreError},
    time::Timestamp,
};

use super::{cache::version, error::Error, handle::Db, rows, tables::Tables};

fn load(tables: &mut Tables, keys: &LoadKeys) -> Result<Loaded, Error> {
    let Tables { connection, cache, .. } = tables;
    let processed = rows::is_processed(connection, &keys.event)?;
    let customer = cache
        .customer(connection, &keys.customer)?
        .cloned()
        .unwrap_or_else(|| Customer::new(keys.customer.clone()));
    let mut accounts = BTreeMap::new();
    for user in keys.users.iter().cloned().chain(customer.user()) {
        if let Entry::Vacant(vacant) = accounts.entry(user) {
            let account = cache.account(connection, vacant.key())?.cloned();
            vacant.insert(account);
        }
    }
    Ok(Loaded { processed, customer, accounts })
}

/// Reads before it writes, so that a refused commit leaves nothing in the transaction that it shares
/// with other jobs.
pub(super) fn commit(tables: &mut Tables, commit: Commit) -> Result<Result<(), StoreError>, Error> {
    if is_conflict(tables, &commit)? {
        return Ok(Err(StoreError::Conflict));
    }
    let Tables { connection, cache, .. } = tables;
    if !rows::write_ledger(connection, &commit.ledger)? {
        return Ok(Err(StoreError::Duplicate));
    }
    if let Some(customer) = commit.customer {
        rows::write_customer(connection, &customer)?;
        cache.wrote_customer(customer);
    }
    for account in commit.accounts {
        let next_expiry_at = account.next_expiry(commit.ledger.processed_at);
        rows::write_account(connection, &account, next_expiry_at)?;
        cache.wrote_account(account);
    }
    Ok(Ok(()))
}

/// Whether another writer changed the customer or an account since the decision. A repeated event is
/// not a conflict: the ledger reports it.
fn is_conflict(tables: &mut Tables, commit: &Commit) -> Result<bool, Error> {
    let Tables { connection, cache, .. } = tables;
    let mut stale = false;
    if let Some(customer) = &commit.customer {
        let stored = cache.customer(connection, &customer.id)?;
        stale |= version(stored, |stored| stored.version) != customer.version;
    }
    for account in &commit.accounts {
        let stored = cache.account(connection, &account.user)?;
        stale |= version(stored, |stored| stored.version) != account.version;
    }
    Ok(stale && !rows::is_processed(connection, &commit.ledger.event)?)
}

impl Store for Db {
    async fn load(&self, keys: &LoadKeys) -> Result<Loaded, StoreError> {
        let keys = keys.clone();
        Ok(self.read_uncommitted(move |tables| load(tables, &keys)).await?)
    }

    async fn commit(&self, decision: Commit) -> Result<(), StoreError> {
        self.write(move |tables| commit(tables, decision)).await?
    }

    async fn account(&self, user: &UserId) -> Result<Option<Account>, StoreError> {
        let user = user.clone();
        Ok(self.read_committed(move |connection| rows::account(connection, &user)).await?)
    }

    async fn customer(&self, customer: &CustomerId) -> Result<Option<Customer>, StoreError> {
        let id = customer.clone();
        Ok(self.read_committed(move |connection| rows::customer(connection, &id)).await?)
    }

    async fn ledger(&self, event: &EventId) -> Result<Option<LedgerEntry>, StoreError> {
        let event = event.clone();
        Ok(self.read_committed(move |connection| rows::ledger(connection, &event)).await?)
    }

    async fn expired(&self, now: Timestamp, max: usize) -> Result<Vec<UserId>, StoreError> {
        Ok(self.read_committed(move |connection| rows::expired(connection, now, max)).await?)
    }
}
