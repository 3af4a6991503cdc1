//! The store on DynamoDB: one table with the partition key `pk`.
//!
//! A commit is one transaction. The ledger row must be new, and each aggregate must have the version
//! that the decision was made on, so a repeated commit changes nothing and no write is overwritten. An
//! item that this version does not understand is an error, and never counts as "processed before".

#[cfg(feature = "operations")]
mod acts;
mod changes;
mod commit;
mod error;
mod index;
mod item;
#[cfg(feature = "operations")]
mod ledger_scan;
#[cfg(feature = "operations")]
mod listed;
mod listed_as;
mod processed;
mod read;
mod record;
mod scan;
mod size;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_sdk_dynamodb::Client;
use tierlift_core::{
    account::Account,
    customer::Customer,
    decide::{Commit, Loaded},
    id::{CustomerId, EventId, UserId},
    invoice::Invoice,
    ledger::LedgerEntry,
    limits::TRANSACTION_RECOVERED_AFTER_MS,
    payment::Payment,
    ports::{self, LoadKeys, StoreError},
    time::Timestamp,
};
use tokio::time::{Instant, sleep_until};

use crate::Sdk;

use commit::Transaction;

pub use changes::{Changes, StreamBatch, StreamedChange};

pub(crate) use item::{Item, PK, TTL, check_item, integer, new_item, number, text};
#[cfg(feature = "operations")]
pub(crate) use {
    acts::{Write, is_uncleared},
    item::{ledger_key, parse_found_ledger},
    ledger_scan::{RowPlace, Rows, is_wanted},
    listed::Place,
    listed_as::Listed,
};

/// Customers, payments, invoices, accounts and the ledger in one table.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    table: String,
    /// Number of commits so far, for their tokens.
    calls: Arc<AtomicU64>,
    /// Time after which a transaction in progress is finished by repeating its request.
    recovered_after: Duration,
}

impl Store {
    /// The store in a table.
    #[must_use]
    pub fn new(sdk: &Sdk, table: impl Into<String>) -> Self {
        let recovered_after = Duration::from_millis(TRANSACTION_RECOVERED_AFTER_MS);
        let client = Client::new(sdk.config());
        Self { client, table: table.into(), calls: Arc::default(), recovered_after }
    }

    /// The same store with another time after which a transaction in progress is finished by repeating its
    /// request: an emulator has none.
    #[must_use]
    pub fn recovering_after(self, recovered_after: Duration) -> Self {
        Self { recovered_after, ..self }
    }
}

/// The keys of everything that is loaded, but for an account that only the customer names.
fn keys_to_get(keys: &LoadKeys) -> BTreeSet<String> {
    let mut wanted = BTreeSet::from([item::ledger_key(&keys.event)]);
    wanted.extend(keys.customer.as_ref().map(item::customer_key));
    wanted.extend(keys.payments.iter().map(item::payment_key));
    wanted.extend(keys.invoices.iter().map(item::invoice_key));
    wanted.extend(keys.users.iter().map(item::account_key));
    wanted
}

/// Takes everything that was requested from the items that were found.
fn take(keys: &LoadKeys, found: &mut HashMap<String, Item>) -> Result<Loaded, item::Error> {
    let mut loaded = Loaded::default();
    if let Some(row) = found.remove(&item::ledger_key(&keys.event)) {
        item::parse_ledger(row, &keys.event)?;
        loaded.processed = true;
    }
    if let Some(id) = &keys.customer {
        let known = take_one(found, &item::customer_key(id), id.as_str())?;
        loaded.customer = Some(known.unwrap_or_else(|| Customer::new(id.clone())));
    }
    for id in &keys.payments {
        let known = take_one(found, &item::payment_key(id), id.as_str())?;
        loaded.payments.insert(id.clone(), known.unwrap_or_else(|| Payment::new(id.clone())));
    }
    for id in &keys.invoices {
        let known = take_one(found, &item::invoice_key(id), id.as_str())?;
        loaded.invoices.insert(id.clone(), known.unwrap_or_else(|| Invoice::new(id.clone())));
    }
    for user in &keys.users {
        let known = take_one(found, &item::account_key(user), user.as_str())?;
        loaded.accounts.insert(user.clone(), known);
    }
    Ok(loaded)
}

fn take_one<T: item::Aggregate>(
    found: &mut HashMap<String, Item>,
    key: &str,
    id: &str,
) -> Result<Option<T>, item::Error> {
    found.remove(key).map(|item| item::parse_aggregate(item, id)).transpose()
}

impl ports::Store for Store {
    async fn load(&self, keys: &LoadKeys) -> Result<Loaded, StoreError> {
        let mut found = self.get_all(&keys_to_get(keys)).await?;
        found.values().try_for_each(read::check_release)?;
        let mut loaded = take(keys, &mut found)?;
        let owner = loaded.customer.as_ref().and_then(Customer::sole_user);
        if let Some(user) = owner.filter(|user| !loaded.accounts.contains_key(user)) {
            let found = self.get(item::account_key(&user)).await?;
            found.iter().try_for_each(read::check_release)?;
            let account = found.map(|item| item::parse_aggregate(item, user.as_str()));
            loaded.accounts.insert(user, account.transpose()?);
        }
        Ok(loaded)
    }

    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let Transaction { token, puts, items } = Transaction::new(&commit, &self.table, call)?;
        let request = self.client.transact_write_items().client_request_token(token);
        let request = request.set_transact_items(Some(puts));
        let begun = Instant::now();
        let mut answer = request.clone().send().await;
        // The response to the first attempt was lost. Only a repetition after some seconds makes DynamoDB finish
        // the transaction, and tells whether it was committed.
        if answer.as_ref().is_err_and(error::is_in_progress) {
            sleep_until(begun + self.recovered_after).await;
            answer = request.send().await;
        }
        match answer {
            Ok(_) => Ok(()),
            Err(error) => Err(error::from_transaction(&error, &commit.ledger.event, &items)),
        }
    }

    async fn account(&self, user: &UserId) -> Result<Option<Account>, StoreError> {
        let item = self.get(item::account_key(user)).await?;
        Ok(item.map(|item| item::parse_aggregate(item, user.as_str())).transpose()?)
    }

    async fn customer(&self, customer: &CustomerId) -> Result<Option<Customer>, StoreError> {
        let item = self.get(item::customer_key(customer)).await?;
        Ok(item.map(|item| item::parse_aggregate(item, customer.as_str())).transpose()?)
    }

    async fn ledger(&self, event: &EventId) -> Result<Option<LedgerEntry>, StoreError> {
        let item = self.get(item::ledger_key(event)).await?;
        Ok(item.map(|item| item::parse_ledger(item, event)).transpose()?)
    }

    /// The index is eventually consistent, so an account may be returned that was settled a moment ago.
    async fn expired(&self, now: Timestamp, max: usize) -> Result<Vec<UserId>, StoreError> {
        self.expired_users(now, max).await
    }
}

#[cfg(test)]
mod corrupt_tests;
#[cfg(test)]
mod recorded_tests;
#[cfg(test)]
mod round_trip_tests;
#[cfg(test)]
mod tests;
