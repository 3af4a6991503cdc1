//! The store on DynamoDB: one table with the partition key `pk`.
//!
//! A commit is one transaction. The ledger row must be new, and each aggregate must have the version
//! that the decision was made on, so a repeated commit changes nothing and no write is overwritten. An
//! item that this version does not understand is an error, and never counts as "processed before".

mod commit;
mod error;
mod item;
mod read;
mod size;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_sdk_dynamodb::Client;
use futures_util::future::try_join_all;
use tierlift_core::{
    account::Account,
    customer::Customer,
    decide::{Commit, Loaded},
    id::{CustomerId, EventId, UserId},
    ledger::LedgerEntry,
    limits::EXPIRY_PAGES_MAX,
    ports::{self, LoadKeys, StoreError},
    time::Timestamp,
};

use crate::Sdk;

use commit::Transaction;
use error::unavailable;

pub(crate) use item::{Item, PK, TTL, check_item, integer, new_item, number, text};

/// The index of accounts by the time of their next expiry.
const EXPIRY_INDEX: &str = "expiry";

/// Customers, accounts and the ledger in one table.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    table: String,
    /// Number of commits so far, for their tokens.
    calls: Arc<AtomicU64>,
}

/// A user whose access expired, and the time of the expiry, in seconds since the epoch.
type Expiry = (i64, UserId);

impl Store {
    /// The store in a table.
    #[must_use]
    pub fn new(sdk: &Sdk, table: impl Into<String>) -> Self {
        Self { client: Client::new(sdk.config()), table: table.into(), calls: Arc::default() }
    }

    /// At most `max` expiries of one shard, oldest first. Entries that are not accounts are skipped, so
    /// they hold up nobody.
    async fn expired_in_shard(
        &self,
        shard: u8,
        now: Timestamp,
        max: usize,
    ) -> Result<Vec<Expiry>, StoreError> {
        let (mut expired, mut start) = (Vec::new(), None);
        for _ in 0..EXPIRY_PAGES_MAX {
            let (page, next) = self.expiry_page(shard, now, max, start).await?;
            expired.extend(page.iter().filter_map(parse_expiry));
            start = next;
            if expired.len() >= max || start.is_none() {
                break;
            }
        }
        Ok(expired)
    }

    /// One page of a shard of the expiry index, and the key at which the next one starts.
    async fn expiry_page(
        &self,
        shard: u8,
        now: Timestamp,
        max: usize,
        start: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        let request = self
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
            .set_exclusive_start_key(start);
        let page = request.send().await.map_err(|error| unavailable(&error))?;
        Ok((page.items.unwrap_or_default(), page.last_evaluated_key))
    }
}

/// An entry of the expiry index; `None` where it is not of an account.
fn parse_expiry(entry: &Item) -> Option<Expiry> {
    let key = text(entry, PK).unwrap_or_default();
    let expiry = integer(entry, item::NEXT_EXPIRY_AT).zip(item::user_from_key(key));
    if expiry.is_none() {
        tracing::error!(key, "expiry index entry is not an account");
    }
    expiry
}

impl ports::Store for Store {
    async fn load(&self, keys: &LoadKeys) -> Result<Loaded, StoreError> {
        let ledger = item::ledger_key(&keys.event);
        let customer = item::customer_key(&keys.customer);
        let users: BTreeSet<&UserId> = keys.users.iter().collect();
        let mut keys_to_get: BTreeSet<String> =
            users.iter().map(|user| item::account_key(user)).collect();
        keys_to_get.extend([ledger.clone(), customer.clone()]);
        let mut found = self.get_batch(keys_to_get).await?;
        let processed = match found.remove(&ledger) {
            Some(row) => item::parse_ledger(row, &keys.event).map(|_| true)?,
            None => false,
        };
        let customer = match found.remove(&customer) {
            Some(item) => item::parse_customer(item, &keys.customer)?,
            None => Customer::new(keys.customer.clone()),
        };
        let mut accounts = BTreeMap::new();
        for user in users {
            let item = found.remove(&item::account_key(user));
            let account = item.map(|item| item::parse_account(item, user)).transpose()?;
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
        let Transaction { token, puts, items } = Transaction::new(&commit, &self.table, call)?;
        let request = self.client.transact_write_items().client_request_token(token);
        match request.set_transact_items(Some(puts)).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(error::from_transaction(&error, &commit.ledger.event, &items)),
        }
    }

    async fn account(&self, user: &UserId) -> Result<Option<Account>, StoreError> {
        let item = self.get(item::account_key(user)).await?;
        Ok(item.map(|item| item::parse_account(item, user)).transpose()?)
    }

    async fn customer(&self, customer: &CustomerId) -> Result<Option<Customer>, StoreError> {
        let item = self.get(item::customer_key(customer)).await?;
        Ok(item.map(|item| item::parse_customer(item, customer)).transpose()?)
    }

    async fn ledger(&self, event: &EventId) -> Result<Option<LedgerEntry>, StoreError> {
        let item = self.get(item::ledger_key(event)).await?;
        Ok(item.map(|item| item::parse_ledger(item, event)).transpose()?)
    }

    /// The index is eventually consistent, so an account may be returned that was settled a moment ago.
    async fn expired(&self, now: Timestamp, max: usize) -> Result<Vec<UserId>, StoreError> {
        let shards = (0..item::EXPIRY_SHARDS).map(|shard| self.expired_in_shard(shard, now, max));
        let mut expired: Vec<Expiry> = try_join_all(shards).await?.into_iter().flatten().collect();
        expired.sort();
        expired.truncate(max);
        Ok(expired.into_iter().map(|(_, user)| user).collect())
    }
}

#[cfg(test)]
mod round_trip_tests;
#[cfg(test)]
mod tests;
