//! Customers and accounts that the writing thread has read or written, so that the next event of a
//! customer needs no read. Only that thread writes them, so the cache holds what is stored, or will be
//! once the open transaction is committed. A lost transaction empties it.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use rusqlite::Connection;
use tierlift_core::{
    account::Account,
    customer::Customer,
    id::{CustomerId, UserId, Version},
    limits::{CACHED_BYTES_MAX, CACHED_ROWS_MAX},
};

use super::{
    aggregates::{Stored, read_stored},
    error::Error,
};

#[derive(Default)]
pub(super) struct Cache {
    customers: Rows<CustomerId, Customer>,
    accounts: Rows<UserId, Arc<Account>>,
}

/// Rows by key; `None` is a row that is known to be absent.
struct Rows<K, V> {
    rows: HashMap<K, Option<Stored<V>>>,
    /// What all of them take as they are stored.
    bytes: usize,
}

impl<K, V> Default for Rows<K, V> {
    fn default() -> Self {
        Self { rows: HashMap::new(), bytes: 0 }
    }
}

impl<K: Clone + Eq + Hash, V> Rows<K, V> {
    fn get(
        &mut self,
        key: &K,
        read: impl FnOnce() -> Result<Option<Stored<V>>, Error>,
    ) -> Result<Option<&V>, Error> {
        // Nearly every row is known: its key need not be copied to find it.
        if !self.rows.contains_key(key) {
            self.insert(key.clone(), read()?);
        }
        Ok(self.rows.get(key).and_then(Option::as_ref).map(|stored| &stored.value))
    }

    /// Makes room by forgetting all others, if there is none.
    fn insert(&mut self, key: K, row: Option<Stored<V>>) {
        let bytes = size(row.as_ref());
        let is_full = self.rows.len() >= CACHED_ROWS_MAX;
        if is_full || self.bytes + bytes > CACHED_BYTES_MAX {
            *self = Self::default();
        }
        let before = self.rows.insert(key, row).flatten();
        self.bytes = self.bytes + bytes - size(before.as_ref());
    }
}

fn size<V>(row: Option<&Stored<V>>) -> usize {
    row.map_or(0, |stored| stored.bytes)
}

impl Cache {
    pub(super) fn customer(
        &mut self,
        connection: &Connection,
        id: &CustomerId,
    ) -> Result<Option<&Customer>, Error> {
        self.customers.get(id, || read_stored(connection, id.as_str()))
    }

    pub(super) fn account(
        &mut self,
        connection: &Connection,
        user: &UserId,
    ) -> Result<Option<&Account>, Error> {
        let read = || {
            let stored = read_stored(connection, user.as_str())?;
            Ok(stored.map(|Stored { value, bytes }| Stored { value: Arc::new(value), bytes }))
        };
        Ok(self.accounts.get(user, read)?.map(Arc::as_ref))
    }

    /// Caches a customer that was just written.
    pub(super) fn wrote_customer(&mut self, mut customer: Customer, bytes: usize) {
        customer.version = customer.version.next();
        self.customers.insert(customer.id.clone(), Some(Stored { value: customer, bytes }));
    }

    /// Caches an account as it was just written.
    pub(super) fn wrote_account(&mut self, account: Arc<Account>, bytes: usize) {
        self.accounts.insert(account.user.clone(), Some(Stored { value: account, bytes }));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(bytes: usize) -> Stored<usize> {
        Stored { value: bytes, bytes }
    }

    #[test]
    fn a_cache_that_is_full_forgets_what_it_had() {
        let mut rows = Rows::default();
        let third = CACHED_BYTES_MAX / 3;
        for key in 0..3 {
            rows.insert(key, Some(stored(third)));
        }
        assert_eq!(rows.get(&0, || panic!("it is known")).unwrap(), Some(&third));
        // Written again, it takes its place and not another.
        for _ in 0..10 {
            rows.insert(1, Some(stored(1)));
        }
        assert_eq!(rows.get(&0, || panic!("it is known")).unwrap(), Some(&third));
        rows.insert(3, Some(stored(third)));
        rows.insert(4, Some(stored(third)));
        assert_eq!(rows.get(&4, || panic!("it is known")).unwrap(), Some(&third));
        assert_eq!(rows.get(&0, || Ok(Some(stored(7)))).unwrap(), Some(&7), "it is read again");
        assert!(rows.rows.len() <= 3 && rows.bytes <= CACHED_BYTES_MAX);
        for key in 10..10 + 2 * CACHED_ROWS_MAX {
            assert_eq!(rows.get(&key, || Ok(None)).unwrap(), None);
        }
        assert!(rows.rows.len() <= CACHED_ROWS_MAX);
    }
}
