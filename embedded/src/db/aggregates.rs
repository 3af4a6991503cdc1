//! Customers, payments, invoices and accounts as rows: JSON beside the version, since no query needs a part
//! of it. A row that is not what was written is an error, never an absent row.

use rusqlite::{
    Connection, Error::ToSqlConversionFailure, OptionalExtension, Row, params_from_iter,
    types::Value,
};
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
    /// Selects the JSON and the version of the rows after a key, in the order of keys.
    const PAGE: &str;
    /// Writes the key, the version, the JSON, and the other columns.
    const WRITE: &str;

    fn key(&self) -> &str;
    fn version(&self) -> Version;
    fn set_version(&mut self, version: Version);
    /// The values of the other columns, for a row that is written at `now`.
    fn columns(&self, now: Timestamp) -> Vec<Value>;
}

fn micros(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| Value::Integer(at.as_micros()))
}

macro_rules! aggregate {
    ($type:ty, $table:literal, $key_column:literal, $key:ident, $columns:literal, $values:literal, $update:literal) => {
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
        const WRITE: &str = concat!(
            "INSERT INTO ",
            $table,
            " (",
            $key_column,
            ", version, state",
            $columns,
            ") VALUES (?1, ?2, ?3",
            $values,
            ") ON CONFLICT (",
            $key_column,
            ") DO UPDATE SET version = excluded.version, state = excluded.state",
            $update
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

impl Aggregate for Customer {
    aggregate!(
        Customer,
        "customers",
        "id",
        id,
        ", waiting_since",
        ", ?4",
        ", waiting_since = excluded.waiting_since"
    );

    fn columns(&self, _: Timestamp) -> Vec<Value> {
        vec![micros(self.waiting_since)]
    }
}

impl Aggregate for Account {
    aggregate!(
        Account,
        "accounts",
        "user",
        user,
        ", next_expiry_at",
        ", ?4",
        ", next_expiry_at = excluded.next_expiry_at"
    );

    fn columns(&self, _: Timestamp) -> Vec<Value> {
        vec![micros(self.next_expiry_at)]
    }
}

impl Aggregate for Payment {
    aggregate!(
        Payment,
        "payments",
        "id",
        id,
        ", expires_at, waiting_since",
        ", ?4, ?5",
        ", expires_at = excluded.expires_at, waiting_since = excluded.waiting_since"
    );

    fn columns(&self, now: Timestamp) -> Vec<Value> {
        vec![micros(Some(now.plus_days(PAYMENT_KEPT_DAYS))), micros(self.waiting_since)]
    }
}

impl Aggregate for Invoice {
    aggregate!(
        Invoice,
        "invoices",
        "id",
        id,
        ", expires_at",
        ", ?4",
        ", expires_at = excluded.expires_at"
    );

    fn columns(&self, now: Timestamp) -> Vec<Value> {
        vec![micros(Some(now.plus_days(PAYMENT_KEPT_DAYS)))]
    }
}

/// The row of a key.
pub(super) fn read<T: Aggregate>(connection: &Connection, key: &str) -> Result<Option<T>, Error> {
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
            Ok(value) => page.items.push(value),
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

/// Writes the next version of a row.
pub(super) fn write<T: Aggregate>(
    connection: &Connection,
    value: &T,
    now: Timestamp,
) -> Result<(), Error> {
    let version = i64::try_from(value.version().next().0).unwrap_or(i64::MAX);
    // Unlike a failed read, a failed write must undo the whole transaction.
    let state =
        serde_json::to_string(value).map_err(|error| ToSqlConversionFailure(Box::new(error)))?;
    let first = [Value::Text(value.key().to_owned()), Value::Integer(version), Value::Text(state)];
    let columns = first.into_iter().chain(value.columns(now));
    connection.prepare_cached(T::WRITE)?.execute(params_from_iter(columns))?;
    Ok(())
}

/// Parses an aggregate from its JSON, which must have the same key.
fn aggregate<T: Aggregate>(row: &Row<'_>, key: &str) -> Result<T, Error> {
    let text = row.get_ref(0)?.as_str().map_err(corrupt)?;
    let mut value: T = serde_json::from_str(text)
        .map_err(|error| corrupt(format_args!("the row of {key}: {error}")))?;
    if value.key() != key {
        return Err(corrupt(format_args!("the row of {key} has the state of {}", value.key())));
    }
    let version: i64 = row.get(1)?;
    value.set_version(Version(u64::try_from(version).map_err(corrupt)?));
    Ok(value)
}
