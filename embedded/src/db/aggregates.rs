//! Customers, payments, invoices and accounts as rows: JSON beside the version, since no query needs a part
//! of it. A row that is not what was written is an error, never an absent row.

use rusqlite::{Connection, Error::ToSqlConversionFailure, OptionalExtension, Row, Statement};
use serde::{Serialize, de::DeserializeOwned};
use tierlift_core::{
    account::Account, customer::Customer, id::Version, invoice::Invoice, limits::PAYMENT_KEPT_DAYS,
    payment::Payment, ports::Page, time::Timestamp,
};

use super::{
    error::{Error, corrupt},
    message_rows::limit,
};

/// A type that is stored as a row: its key, version and JSON, and the columns that queries use.
pub(super) trait Aggregate: Serialize + DeserializeOwned {
    /// Selects the JSON and the version by the key.
    const SELECT: &str;
    /// Selects the JSON, the version and the key of the rows after a key, in the order of keys.
    const PAGE: &str;
    /// Writes the key, the version, the JSON, and the other columns.
    const WRITE: &str;

    fn key(&self) -> &str;
    fn version(&self) -> Version;
    fn set_version(&mut self, version: Version);
    /// Executes [`WRITE`](Self::WRITE) at `now`.
    fn execute(
        &self,
        write: &mut Statement<'_>,
        version: i64,
        state: &str,
        now: Timestamp,
    ) -> rusqlite::Result<usize>;
}

/// What all aggregates have in common: their statements by table and key column, and their version.
macro_rules! columns {
    ($table:literal, $key_column:literal, $key:ident) => {
        const SELECT: &str =
            concat!("SELECT state, version FROM ", $table, " WHERE ", $key_column, " = ?1");
        const PAGE: &str = concat!(
            "SELECT state, version, ",
            $key_column,
            " FROM ",
            $table,
            " WHERE ",
            $key_column,
            " > ?1 ORDER BY ",
            $key_column,
            " LIMIT ?2"
        );

        fn key(&self) -> &str {
            self.$key.as_str()
        }
        fn version(&self) -> Version {
            self.version
        }
        fn set_version(&mut self, version: Version) {
            self.version = version;
        }
    };
}

fn micros(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_micros)
}

fn payment_expiry(now: Timestamp) -> i64 {
    now.plus_days(PAYMENT_KEPT_DAYS).as_micros()
}

impl Aggregate for Customer {
    columns!("customers", "id", id);
    const WRITE: &str = "INSERT INTO customers (id, version, state, waiting_since,
            fetch_not_before)
        VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (id) DO UPDATE SET version = excluded.version, state = excluded.state,
            waiting_since = excluded.waiting_since, fetch_not_before = excluded.fetch_not_before,
            expires_at = NULL";

    fn execute(
        &self,
        write: &mut Statement<'_>,
        version: i64,
        state: &str,
        _: Timestamp,
    ) -> rusqlite::Result<usize> {
        let fetch_not_before = micros(self.fetch_due.map(|due| due.not_before));
        let waiting_since = micros(self.waiting_since);
        write.execute((self.key(), version, state, waiting_since, fetch_not_before))
    }
}

impl Aggregate for Account {
    columns!("accounts", "user", user);
    const WRITE: &str = "INSERT INTO accounts (user, version, state, next_expiry_at)
        VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (user) DO UPDATE SET version = excluded.version, state = excluded.state,
            next_expiry_at = excluded.next_expiry_at, expires_at = NULL";

    fn execute(
        &self,
        write: &mut Statement<'_>,
        version: i64,
        state: &str,
        _: Timestamp,
    ) -> rusqlite::Result<usize> {
        write.execute((self.key(), version, state, micros(self.next_expiry_at)))
    }
}

impl Aggregate for Payment {
    columns!("payments", "id", id);
    const WRITE: &str = "INSERT INTO payments (id, version, state, waiting_since, expires_at)
        VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (id) DO UPDATE SET version = excluded.version, state = excluded.state,
            waiting_since = excluded.waiting_since, expires_at = excluded.expires_at";

    fn execute(
        &self,
        write: &mut Statement<'_>,
        version: i64,
        state: &str,
        now: Timestamp,
    ) -> rusqlite::Result<usize> {
        let waiting_since = micros(self.waiting_since);
        write.execute((self.key(), version, state, waiting_since, payment_expiry(now)))
    }
}

impl Aggregate for Invoice {
    columns!("invoices", "id", id);
    const WRITE: &str = "INSERT INTO invoices (id, version, state, expires_at)
        VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (id) DO UPDATE SET version = excluded.version, state = excluded.state,
            expires_at = excluded.expires_at";

    fn execute(
        &self,
        write: &mut Statement<'_>,
        version: i64,
        state: &str,
        now: Timestamp,
    ) -> rusqlite::Result<usize> {
        write.execute((self.key(), version, state, payment_expiry(now)))
    }
}

/// A value, and what its JSON takes.
pub(super) struct Stored<T> {
    pub(super) value: T,
    pub(super) bytes: usize,
}

/// The row of a key.
pub(super) fn read<T: Aggregate>(connection: &Connection, key: &str) -> Result<Option<T>, Error> {
    Ok(read_stored(connection, key)?.map(|stored| stored.value))
}

/// The row of a key, with its size.
pub(super) fn read_stored<T: Aggregate>(
    connection: &Connection,
    key: &str,
) -> Result<Option<Stored<T>>, Error> {
    connection
        .prepare_cached(T::SELECT)?
        .query_row((key,), |row| Ok(aggregate(row, key)))
        .optional()?
        .transpose()
}

/// At most `max` rows after a key, in the order of keys. A corrupt row is left out, so it does not block
/// the others.
pub(super) fn page<T: Aggregate>(
    connection: &Connection,
    after: &str,
    max: usize,
) -> Result<Page<T>, Error> {
    let mut statement = connection.prepare_cached(T::PAGE)?;
    let mut rows = statement.query((after, limit(max)))?;
    let (mut page, mut count) = (Page { items: Vec::new(), next: None }, 0);
    while let Some(row) = rows.next()? {
        let key = row.get_ref(2)?.as_str().map_err(corrupt)?;
        match aggregate(row, key) {
            Ok(stored) => page.items.push(stored.value),
            Err(error) => tracing::error!(%error, "stored row left out"),
        }
        count += 1;
        page.next = Some(key.to_owned());
    }
    if count < max {
        page.next = None;
    }
    Ok(page)
}

/// Writes the next version of a row; returns what its JSON takes, in bytes.
pub(super) fn write<T: Aggregate>(
    connection: &Connection,
    value: &T,
    now: Timestamp,
) -> Result<usize, Error> {
    let version = i64::try_from(value.version().next().0).unwrap_or(i64::MAX);
    // A failure to write must undo the whole transaction, unlike a failure to read.
    let state =
        serde_json::to_string(value).map_err(|error| ToSqlConversionFailure(Box::new(error)))?;
    value.execute(&mut *connection.prepare_cached(T::WRITE)?, version, &state, now)?;
    Ok(state.len())
}

/// Parses an aggregate from its JSON, which must have the same key.
pub(super) fn aggregate<T: Aggregate>(row: &Row<'_>, key: &str) -> Result<Stored<T>, Error> {
    let text = row.get_ref(0)?.as_str().map_err(corrupt)?;
    let mut value: T = serde_json::from_str(text)
        .map_err(|error| corrupt(format_args!("the row of {key}: {error}")))?;
    if value.key() != key {
        return Err(corrupt(format_args!("the row of {key} has the state of {}", value.key())));
    }
    let version: i64 = row.get(1)?;
    value.set_version(Version(u64::try_from(version).map_err(corrupt)?));
    Ok(Stored { value, bytes: text.len() })
}
