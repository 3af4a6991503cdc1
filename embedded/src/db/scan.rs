//! Reads everything that is stored, and the waiting list. A [`Snapshot`] does so while another process has
//! the file open.

use std::{path::Path, sync::Arc};

use rusqlite::Connection;
use tierlift_core::{
    account::Account,
    customer::Customer,
    id::UserId,
    ports::{
        Due, FetchList, Page, PolicyRecord, PolicyState, ReconciliationRecord, Scan, StoreError,
        Waiting, WaitingList, WaitingTotals,
    },
    reconciliation::Reconciliation,
    time::Timestamp,
};

use super::{
    aggregates::{page, read},
    error::{Error, OpenError},
    handle::Db,
    reader::Readers,
    rows, schema,
    tables::Tables,
};

/// A data file, opened for reading only. Another process may have it open.
#[derive(Clone)]
pub struct Snapshot(Arc<Readers>);

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Snapshot")
    }
}

impl Snapshot {
    /// Opens an existing file, whose schema must be the current one.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let readers = Readers::open(path)
            .map_err(|source| OpenError::Sql { path: path.display().to_string(), source })?;
        readers
            .with(|connection| Ok(schema::check_current(connection, path)))
            .map_err(|source| OpenError::Queue { path: path.display().to_string(), source })??;
        Ok(Self(Arc::new(readers)))
    }

    async fn read<R: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        let readers = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || readers.with(read)).await.map_err(|_| Error::Closed)?
    }
}

fn accounts_of(connection: &Connection, users: &[UserId]) -> Result<Vec<Account>, Error> {
    users.iter().filter_map(|user| read(connection, user.as_str()).transpose()).collect()
}

macro_rules! scan {
    ($type:ty, $read:ident) => {
        impl Scan for $type {
            async fn customers(
                &self,
                after: Option<&str>,
                max: usize,
            ) -> Result<Page<Customer>, StoreError> {
                let after = after.unwrap_or_default().to_owned();
                Ok(self.$read(move |connection| page(connection, &after, max)).await?)
            }

            async fn accounts(
                &self,
                after: Option<&str>,
                max: usize,
            ) -> Result<Page<Account>, StoreError> {
                let after = after.unwrap_or_default().to_owned();
                Ok(self.$read(move |connection| page(connection, &after, max)).await?)
            }

            async fn accounts_of(&self, users: Vec<UserId>) -> Result<Vec<Account>, StoreError> {
                Ok(self.$read(move |connection| accounts_of(connection, &users)).await?)
            }
        }

        impl WaitingList for $type {
            async fn waiting(&self, max: usize) -> Result<Vec<Waiting>, StoreError> {
                Ok(self.$read(move |connection| rows::waiting(connection, max)).await?)
            }

            async fn waiting_totals(&self) -> Result<WaitingTotals, StoreError> {
                Ok(self.$read(rows::waiting_totals).await?)
            }
        }

        impl FetchList for $type {
            async fn due(&self, now: Timestamp, max: usize) -> Result<Vec<Due>, StoreError> {
                Ok(self.$read(move |connection| rows::fetch_due(connection, now, max)).await?)
            }
        }
    };
}

scan!(Db, read_committed);
scan!(Snapshot, read);

impl PolicyRecord for Db {
    async fn policy_state(&self) -> Result<Option<PolicyState>, StoreError> {
        Ok(self.read_committed(rows::policy_state).await?)
    }

    async fn set_policy_state(&self, state: PolicyState) -> Result<(), StoreError> {
        let write = move |tables: &mut Tables| rows::set_policy_state(&tables.connection, &state);
        Ok(self.write(write).await?)
    }
}

impl ReconciliationRecord for Db {
    async fn reconciliation(&self) -> Result<Option<Reconciliation>, StoreError> {
        Ok(self.read_committed(rows::reconciliation).await?)
    }

    async fn set_reconciliation(&self, state: Reconciliation) -> Result<(), StoreError> {
        let write = move |tables: &mut Tables| rows::set_reconciliation(&tables.connection, &state);
        Ok(self.write(write).await?)
    }
}
