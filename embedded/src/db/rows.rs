//! Ledger rows, and what is found by the columns of other rows.
//!
//! The ledger has a column for each field, since people query it. A row that is not what was written is an
//! error and never an absent row.

use rusqlite::{Connection, Error::ToSqlConversionFailure, OptionalExtension, Row};
use serde::de::DeserializeOwned;
use tierlift_core::{
    codes::Code,
    id::{CustomerId, EventId, UserId},
    ledger::{Act, EntryKind, LedgerEntry, Outcome},
    observation::Because,
    ports::{Due, PolicyState, Waiting, WaitingTotals},
    reconciliation::Reconciliation,
    time::Timestamp,
};

use super::{
    change_rows,
    error::{Error, corrupt},
    message_rows::limit,
    webhook_rows,
};

/// A text column as a type that has a JSON name.
fn named<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_value(serde_json::Value::from(text)).map_err(corrupt)
}

/// Dedicates a new file to live or test events. Returns whether the file is dedicated to this mode.
pub(super) fn claim(connection: &Connection, livemode: bool) -> Result<bool, Error> {
    let unclaimed = "INSERT INTO deployment (livemode)
                     SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM deployment)";
    connection.execute(unclaimed, (livemode,))?;
    let owner = "SELECT livemode FROM deployment";
    Ok(connection.query_row(owner, (), |row| row.get::<_, bool>(0))? == livemode)
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
    let owners = (!entry.owners.is_empty()).then(|| serde_json::to_string(&entry.owners));
    let owners = owners.transpose().map_err(|error| ToSqlConversionFailure(Box::new(error)))?;
    let written = connection
        .prepare_cached(
            "INSERT INTO ledger (event, kind, customer, owners, outcome, cause, ambiguous, created,
                 processed_at, expires_at, actor, reason, because)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             ON CONFLICT (event) DO NOTHING",
        )?
        .execute((
            entry.event.as_str(),
            entry.kind.as_str(),
            entry.customer.as_ref().map(CustomerId::as_str),
            owners,
            entry.outcome.as_str(),
            entry.cause.map(Code::as_str),
            entry.ambiguous,
            entry.created.as_micros(),
            entry.processed_at.as_micros(),
            entry.expires_at.as_micros(),
            entry.act.as_ref().map(Act::actor),
            entry.act.as_ref().map(Act::reason),
            entry.because.map(Because::as_str),
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
            "SELECT event, kind, customer, owners, outcome, cause, ambiguous, created, processed_at,
                 expires_at, actor, reason, because
             FROM ledger WHERE event = ?1",
        )?
        .query_row((event.as_str(),), |row| Ok(ledger_entry(row)))
        .optional()?
        .transpose()
}

pub(super) fn ledger_entry(row: &Row<'_>) -> Result<LedgerEntry, Error> {
    let text = |column: usize| -> Result<Option<&str>, Error> {
        row.get_ref(column)?.as_str_or_null().map_err(corrupt)
    };
    let required = |column: usize| text(column)?.ok_or_else(|| corrupt("a null in the ledger"));
    let at = |column: usize| row.get(column).map(Timestamp::from_micros);
    Ok(LedgerEntry {
        event: EventId::new(required(0)?).map_err(corrupt)?,
        kind: named::<EntryKind>(required(1)?)?,
        customer: text(2)?.map(CustomerId::new).transpose().map_err(corrupt)?,
        owners: text(3)?.map_or(Ok(Vec::new()), serde_json::from_str).map_err(corrupt)?,
        outcome: named::<Outcome>(required(4)?)?,
        cause: text(5)?.map(named::<Code>).transpose()?,
        ambiguous: row.get(6)?,
        created: at(7)?,
        processed_at: at(8)?,
        expires_at: at(9)?,
        act: match (text(10)?, text(11)?) {
            (Some(actor), Some(reason)) => Some(Act::new(actor, reason).map_err(corrupt)?),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(corrupt("half an act in the ledger")),
        },
        because: text(12)?.map(named::<Because>).transpose()?,
    })
}

/// What waits: what has no owner first, and of each kind the oldest first.
pub(super) fn waiting(connection: &Connection, max: usize) -> Result<Vec<Waiting>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT waiting_since, id, 0 FROM customers WHERE waiting_since IS NOT NULL
         UNION ALL
         SELECT waiting_since, id, 1 FROM payments WHERE waiting_since IS NOT NULL
         ORDER BY 3, 1, 2 LIMIT ?1",
    )?;
    let mut rows = statement.query((limit(max),))?;
    let mut waiting = Vec::new();
    while let Some(row) = rows.next()? {
        let is_payment: bool = row.get(2)?;
        waiting.push(Waiting {
            since: Timestamp::from_micros(row.get(0)?),
            id: row.get(1)?,
            cause: if is_payment { Code::PaymentUnlinked } else { Code::OwnerUnknown },
        });
    }
    Ok(waiting)
}

pub(super) fn waiting_totals(connection: &Connection) -> Result<WaitingTotals, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT count(*), min(waiting_since) FROM customers WHERE waiting_since IS NOT NULL",
    )?;
    let (count, oldest): (i64, Option<i64>) =
        statement.query_one((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(WaitingTotals {
        count: u64::try_from(count).map_err(corrupt)?,
        oldest: oldest.map(Timestamp::from_micros),
    })
}

/// The customers that are due, the first that was due first.
pub(super) fn fetch_due(
    connection: &Connection,
    now: Timestamp,
    max: usize,
) -> Result<Vec<Due>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT fetch_not_before, id FROM customers WHERE fetch_not_before <= ?1
         ORDER BY 1, 2 LIMIT ?2",
    )?;
    let mut rows = statement.query((now.as_micros(), limit(max)))?;
    let mut due = Vec::new();
    while let Some(row) = rows.next()? {
        let id = row.get_ref(1)?.as_str().map_err(corrupt)?;
        due.push(Due {
            not_before: Timestamp::from_micros(row.get(0)?),
            customer: CustomerId::new(id).map_err(corrupt)?,
        });
    }
    Ok(due)
}

pub(super) fn policy_state(connection: &Connection) -> Result<Option<PolicyState>, Error> {
    let text: Option<String> =
        connection.query_row("SELECT state FROM policy", (), |row| row.get(0)).optional()?;
    text.map(|text| serde_json::from_str(&text).map_err(corrupt)).transpose()
}

pub(super) fn set_policy_state(connection: &Connection, state: &PolicyState) -> Result<(), Error> {
    let text =
        serde_json::to_string(state).map_err(|error| ToSqlConversionFailure(Box::new(error)))?;
    connection.execute("INSERT OR REPLACE INTO policy (id, state) VALUES (1, ?1)", (text,))?;
    Ok(())
}

pub(super) fn reconciliation(connection: &Connection) -> Result<Option<Reconciliation>, Error> {
    let text: Option<String> = connection
        .query_row("SELECT state FROM reconciliation", (), |row| row.get(0))
        .optional()?;
    text.map(|text| serde_json::from_str(&text).map_err(corrupt)).transpose()
}

pub(super) fn set_reconciliation(
    connection: &Connection,
    state: &Reconciliation,
) -> Result<(), Error> {
    let text =
        serde_json::to_string(state).map_err(|error| ToSqlConversionFailure(Box::new(error)))?;
    let write = "INSERT OR REPLACE INTO reconciliation (id, state) VALUES (1, ?1)";
    connection.execute(write, (text,))?;
    Ok(())
}

/// The time at which the newest row of the ledger was written.
pub(super) fn latest_commit_at(connection: &Connection) -> Result<Option<Timestamp>, Error> {
    let newest = "SELECT processed_at FROM ledger ORDER BY rowid DESC LIMIT 1";
    let mut statement = connection.prepare_cached(newest)?;
    let micros = statement.query_row((), |row| row.get(0)).optional()?;
    Ok(micros.map(Timestamp::from_micros))
}

/// Deletes at most `max` expired rows of each table; returns how many it deleted of the most affected one.
pub(super) fn prune(connection: &Connection, now: Timestamp, max: usize) -> Result<usize, Error> {
    let mut most =
        prune_ledger(connection, now, max)?.max(change_rows::prune(connection, now, max)?);
    most = most.max(webhook_rows::prune(connection, now, max)?);
    for delete in [
        "DELETE FROM discarded WHERE event IN (
             SELECT event FROM discarded WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
        "DELETE FROM payments WHERE id IN (
             SELECT id FROM payments WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
        "DELETE FROM invoices WHERE id IN (
             SELECT id FROM invoices WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
    ] {
        let deleted = connection.prepare_cached(delete)?.execute((now.as_micros(), limit(max)))?;
        most = most.max(deleted);
    }
    Ok(most)
}

fn prune_ledger(connection: &Connection, now: Timestamp, max: usize) -> Result<usize, Error> {
    Ok(connection
        .prepare_cached(
            "DELETE FROM ledger WHERE expires_at <= ?1
                 AND rowid IN (SELECT rowid FROM ledger ORDER BY rowid LIMIT ?2)",
        )?
        .execute((now.as_micros(), limit(max)))?)
}
