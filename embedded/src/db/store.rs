//! The store: writes a decision's ledger row and aggregates in one transaction, or none of them. It never
//! merges: a decision on an old version is refused.

use std::collections::{BTreeMap, btree_map::Entry};

use rusqlite::Connection;
use tierlift_core::{
    account::Account,
    customer::Customer,
    decide::{Commit, LoadKeys, Loaded},
    id::{CustomerId, EventId, UserId},
    invoice::Invoice,
    ledger::LedgerEntry,
    payment::Payment,
    ports::{Store, StoreError},
    time::Timestamp,
};

use super::{
    aggregates::{self, Aggregate, read},
    cache::version,
    change_rows, erase,
    error::Error,
    handle::Db,
    rows,
    tables::Tables,
    webhook_rows,
};

fn load(tables: &mut Tables, keys: &LoadKeys) -> Result<Loaded, Error> {
    let Tables { connection, cache, .. } = tables;
    let processed = rows::is_processed(connection, &keys.event)?;
    let mut loaded = Loaded { processed, ..Loaded::default() };
    if let Some(id) = &keys.customer {
        let known = cache.customer(connection, id)?.cloned();
        loaded.customer = Some(known.unwrap_or_else(|| Customer::new(id.clone())));
    }
    for id in &keys.payments {
        let known = read(connection, id.as_str())?;
        loaded.payments.insert(id.clone(), known.unwrap_or_else(|| Payment::new(id.clone())));
    }
    for id in &keys.invoices {
        let known = read(connection, id.as_str())?;
        loaded.invoices.insert(id.clone(), known.unwrap_or_else(|| Invoice::new(id.clone())));
    }
    let owner = loaded.customer.as_ref().and_then(Customer::sole_user);
    let mut accounts = BTreeMap::new();
    for user in keys.users.iter().cloned().chain(owner) {
        if let Entry::Vacant(vacant) = accounts.entry(user) {
            let account = cache.account(connection, vacant.key())?.cloned();
            vacant.insert(account);
        }
    }
    Ok(Loaded { accounts, ..loaded })
}

/// Reads before it writes, so that a refused commit leaves nothing in the transaction that it shares
/// with other jobs.
pub(super) fn commit(
    tables: &mut Tables,
    commit: &Commit,
) -> Result<Result<(), StoreError>, Error> {
    if is_conflict(tables, commit)? {
        return Ok(Err(StoreError::Conflict));
    }
    if !rows::write_ledger(&tables.connection, &commit.ledger)? {
        return Ok(Err(StoreError::Duplicate));
    }
    if let Some(user) = &commit.erased {
        webhook_rows::erase(&tables.connection, user)?;
        erase::overwrite(&tables.connection, true)?;
        let written = write_aggregates(tables, commit);
        erase::overwrite(&tables.connection, false)?;
        written?;
        erase::expire(&tables.connection, commit)?;
    } else {
        write_aggregates(tables, commit)?;
    }
    let connection = &tables.connection;
    let latest = change_rows::append(connection, &commit.changes, commit.ledger.processed_at)?;
    tables.logged(latest);
    Ok(Ok(()))
}

fn write_aggregates(tables: &mut Tables, commit: &Commit) -> Result<(), Error> {
    let now = commit.ledger.processed_at;
    for payment in &commit.payments {
        aggregates::write(&tables.connection, payment, now)?;
    }
    for invoice in &commit.invoices {
        aggregates::write(&tables.connection, invoice, now)?;
    }
    if let Some(customer) = &commit.customer {
        let bytes = aggregates::write(&tables.connection, customer, now)?;
        tables.cache.wrote_customer(customer.clone(), bytes);
    }
    for account in &commit.accounts {
        let bytes = aggregates::write(&tables.connection, account, now)?;
        tables.wrote_account(account.clone(), bytes);
    }
    Ok(())
}

/// Whether another writer changed an aggregate since the decision. A repeated event is not a conflict:
/// the ledger reports it.
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
    for payment in &commit.payments {
        stale |= is_stale(connection, payment)?;
    }
    for invoice in &commit.invoices {
        stale |= is_stale(connection, invoice)?;
    }
    Ok(stale && !rows::is_processed(connection, &commit.ledger.event)?)
}

fn is_stale<T: Aggregate>(connection: &Connection, decided: &T) -> Result<bool, Error> {
    let stored: Option<T> = read(connection, decided.key())?;
    Ok(version(stored.as_ref(), Aggregate::version) != decided.version())
}

impl Store for Db {
    async fn load(&self, keys: &LoadKeys) -> Result<Loaded, StoreError> {
        let keys = keys.clone();
        Ok(self.read_uncommitted(move |tables| load(tables, &keys)).await?)
    }

    async fn commit(&self, decision: Commit) -> Result<(), StoreError> {
        let event = decision.ledger.event.clone();
        self.write(move |tables| commit(tables, &decision)).await??;
        self.awaited().processed(&event);
        Ok(())
    }

    async fn account(&self, user: &UserId) -> Result<Option<Account>, StoreError> {
        let reading = match self.accounts().get(user) {
            Ok(known) => return Ok(known),
            Err(reading) => reading,
        };
        let id = user.clone();
        let account: Option<Account> =
            self.read_committed(move |connection| read(connection, id.as_str())).await?;
        self.accounts().keep(&reading, user, account.clone());
        Ok(account)
    }

    async fn customer(&self, customer: &CustomerId) -> Result<Option<Customer>, StoreError> {
        let id = customer.clone();
        Ok(self.read_committed(move |connection| read(connection, id.as_str())).await?)
    }

    async fn ledger(&self, event: &EventId) -> Result<Option<LedgerEntry>, StoreError> {
        let event = event.clone();
        Ok(self.read_committed(move |connection| rows::ledger(connection, &event)).await?)
    }

    async fn expired(&self, now: Timestamp, max: usize) -> Result<Vec<UserId>, StoreError> {
        Ok(self.read_committed(move |connection| rows::expired(connection, now, max)).await?)
    }
}
