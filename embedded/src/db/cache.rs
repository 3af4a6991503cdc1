//! Customers and accounts that the writing thread has read or written, so that the next event of a
//! customer needs no read. Only that thread writes them, so the cache holds what is stored, or will be
//! once the open transaction is committed. A lost transaction empties it.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use rusqlite::Connection;
use tierlift_core::{
    account::Account,
    customer::Customer,
    id::{CustomerId, UserId, Version},
    limits::CACHED_ROWS_MAX,
};

use super::{aggregates::read, error::Error};

#[derive(Default)]
pub(super) struct Cache {
    customers: Rows<CustomerId, Customer>,
    accounts: Rows<UserId, Arc<Account>>,
}

/// Rows by key; `None` is a row that is known to be absent.
struct Rows<K, V>(HashMap<K, Option<V>>);

impl<K, V> Default for Rows<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Clone + Eq + Hash, V> Rows<K, V> {
    fn get(
        &mut self,
        key: &K,
        read: impl FnOnce() -> Result<Option<V>, Error>,
    ) -> Result<Option<&V>, Error> {
        if self.0.len() >= CACHED_ROWS_MAX {
            self.0.clear();
        }
        // Nearly every row is known: its key need not be copied to find it.
        if !self.0.contains_key(key) {
            self.0.insert(key.clone(), read()?);
        }
        Ok(self.0.get(key).and_then(Option::as_ref))
    }
}

impl Cache {
    pub(super) fn customer(
        &mut self,
        connection: &Connection,
        id: &CustomerId,
    ) -> Result<Option<&Customer>, Error> {
        self.customers.get(id, || read(connection, id.as_str()))
    }

    pub(super) fn account(
        &mut self,
        connection: &Connection,
        user: &UserId,
    ) -> Result<Option<&Account>, Error> {
        let read = || Ok(read(connection, user.as_str())?.map(Arc::new));
        Ok(self.accounts.get(user, read)?.map(Arc::as_ref))
    }

    /// Caches a customer that was just written.
    pub(super) fn wrote_customer(&mut self, mut customer: Customer) {
        customer.version = customer.version.next();
        self.customers.0.insert(customer.id.clone(), Some(customer));
    }

    /// Caches an account as it was just written.
    pub(super) fn wrote_account(&mut self, account: Arc<Account>) {
        self.accounts.0.insert(account.user.clone(), Some(account));
    }

    /// Empties the cache: what is stored may be different.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The version of a row, or 0 if it is absent.
pub(super) fn version<V>(row: Option<&V>, version_of: impl FnOnce(&V) -> Version) -> Version {
    row.map(version_of).unwrap_or_default()
}
