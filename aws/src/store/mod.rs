//! The store on DynamoDB: one table, keyed by `pk` alone.
//!
//! A decision is one transaction. The ledger row must be new, and each aggregate must have the
//! version that was decided on; so a repeat changes nothing and nobody overwrites anybody. It
//! refuses to guess: an item that it does not understand is an error, and never "processed before".

mod commit;
mod item;
mod read;
mod refused;
mod size;
mod told;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_sdk_dynamodb::Client;
use commit::Transaction;
use futures_util::future::try_join_all;
use tierlift_core::{
    account::Account,
    customer::Customer,
    decide::{Commit, Loaded},
    id::{CustomerId, EventId, UserId},
    ledger::LedgerEntry,
    ports::{self, LoadKeys, StoreError},
    time::Timestamp,
};

use crate::{Sdk, sdk::words};

pub(crate) use item::{Item, PK, TTL, check, framed, integer, number, text};
pub use told::change_of;

/// The index of ends.
const EXPIRY_INDEX: &str = "expiry";

/// Customers, accounts and the ledger in one table.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    table: String,
    /// Commits that were tried, for their tokens.
    calls: Arc<AtomicU64>,
}

impl Store {
    /// The store in the table of that name.
    #[must_use]
    pub fn new(sdk: &Sdk, table: impl Into<String>) -> Self {
        Self { client: Client::new(sdk.config()), table: table.into(), calls: Arc::default() }
    }

    /// Keys are small: what is asked for fits into one page, and what does not comes another time.
    async fn expired_shard(
        &self,
        shard: u8,
        now: Timestamp,
        max: usize,
    ) -> Result<Vec<(i64, UserId)>, StoreError> {
        let page = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(EXPIRY_INDEX)
            .key_condition_expression("#shard = :shard AND #at <= :now")
            .expression_attribute_names("#shard", item::EXPIRY_SHARD)
            .expression_attribute_names("#at", item::NEXT_EXPIRY_AT)
            .expression_attribute_values(":shard", number(shard))
            .expression_attribute_values(":now", number(now.as_secs()))
            .limit(i32::try_from(max).unwrap_or(i32::MAX).max(1))
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        Ok(page.items().iter().filter_map(expiry).collect())
    }
}

/// Who is due since when. What is not an account of ours must not keep the others waiting.
fn expiry(item: &Item) -> Option<(i64, UserId)> {
    let key = text(item, PK).unwrap_or_default();
    let due =
        item::user_of(key).and_then(|user| Some((integer(item, item::NEXT_EXPIRY_AT)?, user)));
    if due.is_none() {
        tracing::error!(key, "the index of ends names what is not an account");
    }
    due
}

impl ports::Store for Store {
    async fn load(&self, keys: &LoadKeys) -> Result<Loaded, StoreError> {
        let ledger = item::ledger_key(&keys.event);
        let customer = item::customer_key(&keys.customer);
        let users: BTreeSet<&UserId> = keys.users.iter().collect();
        let mut wanted: BTreeSet<String> =
            users.iter().map(|user| item::account_key(user)).collect();
        wanted.extend([ledger.clone(), customer.clone()]);
        let mut found = self.batch(wanted).await?;
        let processed = match found.remove(&ledger) {
            Some(row) => item::to_ledger(row, &keys.event).map(|_| true)?,
            None => false,
        };
        let customer = match found.remove(&customer) {
            Some(item) => item::to_customer(item, &keys.customer)?,
            None => Customer::new(keys.customer.clone()),
        };
        let mut accounts = BTreeMap::new();
        for user in users {
            let item = found.remove(&item::account_key(user));
            let account = item.map(|item| item::to_account(item, user)).transpose()?;
            accounts.insert(user.clone(), account);
        }
        if let Some(user) = customer.user().filter(|user| !accounts.contains_key(user)) {
            let account = ports::Store::account(self, &user).await?;
            accounts.insert(user, account);
        }
        Ok(Loaded { processed, customer, accounts })
    }

    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let Transaction { token, puts, parts } = Transaction::of(&commit, &self.table, call)?;
        let request = self.client.transact_write_items().client_request_token(token);
        match request.set_transact_items(Some(puts)).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(refused::reading(&error, &commit.ledger.event, &parts)),
        }
    }

    async fn account(&self, user: &UserId) -> Result<Option<Account>, StoreError> {
        let item = self.get(item::account_key(user)).await?;
        Ok(item.map(|item| item::to_account(item, user)).transpose()?)
    }

    async fn customer(&self, customer: &CustomerId) -> Result<Option<Customer>, StoreError> {
        let item = self.get(item::customer_key(customer)).await?;
        Ok(item.map(|item| item::to_customer(item, customer)).transpose()?)
    }

    async fn ledger(&self, event: &EventId) -> Result<Option<LedgerEntry>, StoreError> {
        let item = self.get(item::ledger_key(event)).await?;
        Ok(item.map(|item| item::to_ledger(item, event)).transpose()?)
    }

    /// The index follows the table within moments, so an account may be named that was settled just
    /// now.
    async fn expired(&self, now: Timestamp, max: usize) -> Result<Vec<UserId>, StoreError> {
        let shards = (0..item::EXPIRY_SHARDS).map(|shard| self.expired_shard(shard, now, max));
        let mut due: Vec<(i64, UserId)> =
            try_join_all(shards).await?.into_iter().flatten().collect();
        due.sort();
        due.truncate(max);
        Ok(due.into_iter().map(|(_, user)| user).collect())
    }
}

/// What happened, with all that it says.
fn unavailable(error: &dyn std::error::Error) -> StoreError {
    StoreError::Unavailable(words(error))
}

#[cfg(test)]
mod round_trip_tests;
#[cfg(test)]
mod tests;
