//! Customers, accounts and ledger entries as rows.
//!
//! Aggregates are stored as JSON beside their version, since no query needs a part of one. The ledger
//! has a column for each field, since people query it. A row that is not what was written is an error
//! and never an absent row.

use rusqlite::{Connection, Error::ToSqlConversionFailure, OptionalExtension, Row};
use serde::{Serialize, de::DeserializeOwned};
use tierlift_core::{
    account::Account,
    codes::Code,
    customer::Customer,
    id::{CustomerId, EventId, RevocationId, UserId, Version},
    ledger::{EntryKind, LedgerEntry, Outcome},
    policy::Role,
    time::Timestamp,
};

use super::{
    error::{Error, corrupt},
    message_rows::limit,
};

/// A text column as a type that has a JSON name.
fn named<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_value(serde_json::Value::from(text)).map_err(corrupt)
}

fn version(row: &Row<'_>, column: usize) -> Result<Version, Error> {
    u64::try_from(row.get::<_, i64>(column)?).map(Version).map_err(corrupt)
}

fn number(version: Version) -> i64 {
    i64::try_from(version.0).unwrap_or(i64::MAX)
}

/// Dedicates a new file to live or test events. Returns whether the file is dedicated to this mode.
pub(super) fn claim(connection: &Connection, livemode: bool) -> Result<bool, Error> {
    let unclaimed = "INSERT INTO deployment (livemode)
                     SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM deployment)";
    connection.execute(unclaimed, (livemode,))?;
    let owner = "SELECT livemode FROM deployment";
    Ok(connection.query_row(owner, (), |row| row.get::<_, bool>(0))? == livemode)
}

pub(super) fn customer(
    connection: &Connection,
    id: &CustomerId,
) -> Result<Option<Customer>, Error> {
    connection
        .prepare_cached("SELECT state, version FROM customers WHERE id = ?1")?
        .query_row((id.as_str(),), |row| {
            Ok(state::<Customer>(row, id.as_str(), |customer| customer.id.as_str())
                .and_then(|customer| Ok(Customer { version: version(row, 1)?, ..customer })))
        })
        .optional()?
        .transpose()
}

pub(super) fn account(connection: &Connection, user: &UserId) -> Result<Option<Account>, Error> {
    connection
        .prepare_cached("SELECT state, version FROM accounts WHERE user = ?1")?
        .query_row((user.as_str(),), |row| {
            Ok(state::<Account>(row, user.as_str(), |account| account.user.as_str())
                .and_then(|account| Ok(Account { version: version(row, 1)?, ..account })))
        })
        .optional()?
        .transpose()
}

/// An aggregate from its JSON, which must be that of its key.
fn state<T: DeserializeOwned>(
    row: &Row<'_>,
    key: &str,
    key_of: impl Fn(&T) -> &str,
) -> Result<T, Error> {
    let text = row.get_ref(0)?.as_str().map_err(corrupt)?;
    let state = serde_json::from_str(text)
        .map_err(|error| corrupt(format_args!("the row of {key}: {error}")))?;
    if key_of(&state) != key {
        return Err(corrupt(format_args!("the row of {key} has the state of {}", key_of(&state))));
    }
    Ok(state)
}

/// An aggregate as JSON. A failure to write must undo the whole transaction, unlike a failure to read.
fn json<T: Serialize>(state: &T) -> Result<String, Error> {
    serde_json::to_string(state).map_err(|error| ToSqlConversionFailure(Box::new(error)).into())
}

pub(super) fn write_customer(connection: &Connection, customer: &Customer) -> Result<(), Error> {
    let state = json(customer)?;
    connection
        .prepare_cached(
            "INSERT INTO customers (id, version, state) VALUES (?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET version = excluded.version, state = excluded.state",
        )?
        .execute((customer.id.as_str(), number(customer.version.next()), state))?;
    Ok(())
}

pub(super) fn write_account(
    connection: &Connection,
    account: &Account,
    next_expiry_at: Option<Timestamp>,
) -> Result<(), Error> {
    let state = json(account)?;
    connection
        .prepare_cached(
            "INSERT INTO accounts (user, version, next_expiry_at, state) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (user) DO UPDATE SET
                 version = excluded.version, next_expiry_at = excluded.next_expiry_at,
                 state = excluded.state",
        )?
        .execute((
            account.user.as_str(),
            number(account.version.next()),
            next_expiry_at.map(Timestamp::as_micros),
            state,
        ))?;
    Ok(())
}

pub(super) fn expired(
    connection: &Connection,
    now: Timestamp,
    max: usize,
) -> Result<Vec<UserId>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT user FROM accounts WHERE next_expiry_at <= ?1 ORDER BY next_expiry_at LIMIT ?2",
    )?;
    let mut rows = statement.query((now.as_micros(), limit(max)))?;
    let mut users = Vec::new();
    while let Some(row) = rows.next()? {
        users.push(UserId::new(row.get_ref(0)?.as_str().map_err(corrupt)?).map_err(corrupt)?);
    }
    Ok(users)
}

/// Writes a ledger row; returns false if the event has one already.
pub(super) fn write_ledger(connection: &Connection, entry: &LedgerEntry) -> Result<bool, Error> {
    let written = connection
        .prepare_cached(
            "INSERT INTO ledger (event, kind, customer, user, outcome, cause, ambiguous, from_role,
                 to_role, revocation_id, created, processed_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             ON CONFLICT (event) DO NOTHING",
        )?
        .execute((
            entry.event.as_str(),
            entry.kind.as_str(),
            entry.customer.as_ref().map(CustomerId::as_str),
            entry.user.as_ref().map(UserId::as_str),
            entry.outcome.as_str(),
            entry.cause.map(Code::as_str),
            entry.ambiguous,
            entry.from_role.as_ref().map(Role::as_str),
            entry.to_role.as_ref().map(Role::as_str),
            entry.revocation_id.map(|id| i64::try_from(id.0).unwrap_or(i64::MAX)),
            entry.created.as_micros(),
            entry.processed_at.as_micros(),
            entry.expires_at.as_micros(),
        ))?;
    Ok(written == 1)
}

pub(super) fn is_processed(connection: &Connection, event: &EventId) -> Result<bool, Error> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM ledger WHERE event = ?1")?
        .exists((event.as_str(),))?)
}

pub(super) fn ledger(
    connection: &Connection,
    event: &EventId,
) -> Result<Option<LedgerEntry>, Error> {
    connection
        .prepare_cached(
            "SELECT event, kind, customer, user, outcome, cause, ambiguous, from_role, to_role,
                 revocation_id, created, processed_at, expires_at
             FROM ledger WHERE event = ?1",
        )?
        .query_row((event.as_str(),), |row| Ok(ledger_entry(row)))
        .optional()?
        .transpose()
}

fn ledger_entry(row: &Row<'_>) -> Result<LedgerEntry, Error> {
    let text = |column: usize| -> Result<Option<&str>, Error> {
        row.get_ref(column)?.as_str_or_null().map_err(corrupt)
    };
    let required = |column: usize| text(column)?.ok_or_else(|| corrupt("a null in the ledger"));
    let at = |column: usize| row.get(column).map(Timestamp::from_micros);
    Ok(LedgerEntry {
        event: EventId::new(required(0)?).map_err(corrupt)?,
        kind: named::<EntryKind>(required(1)?)?,
        customer: text(2)?.map(CustomerId::new).transpose().map_err(corrupt)?,
        user: text(3)?.map(UserId::new).transpose().map_err(corrupt)?,
        outcome: named::<Outcome>(required(4)?)?,
        cause: text(5)?.map(named::<Code>).transpose()?,
        ambiguous: row.get(6)?,
        from_role: text(7)?.map(Role::new),
        to_role: text(8)?.map(Role::new),
        revocation_id: revocation_id(row.get(9)?)?,
        created: at(10)?,
        processed_at: at(11)?,
        expires_at: at(12)?,
    })
}

fn revocation_id(column: Option<i64>) -> Result<Option<RevocationId>, Error> {
    let id = column.map(|id| u64::try_from(id).map(RevocationId));
    id.transpose().map_err(corrupt)
}

pub(super) fn prune_ledger(
    connection: &Connection,
    now: Timestamp,
    max: usize,
) -> Result<usize, Error> {
    Ok(connection
        .prepare_cached(
            "DELETE FROM ledger WHERE expires_at <= ?1
                 AND rowid IN (SELECT rowid FROM ledger ORDER BY rowid LIMIT ?2)",
        )?
        .execute((now.as_micros(), limit(max)))?)
}
