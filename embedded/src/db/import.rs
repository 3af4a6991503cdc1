//! Dead letters that come from elsewhere, such as another deployment's file. What is known already, wherever it stands, is
//! left as it is.

use rusqlite::{Connection, Error::ToSqlConversionFailure};
use tierlift_core::{ledger::LedgerEntry, ports::DeadLetter};

use super::{error::Error, rows::write_ledger};

/// Adds dead letters, with the act's row of the ledger. Returns how many were added.
pub(super) fn import(
    connection: &Connection,
    dead_letters: &[DeadLetter],
    entry: &LedgerEntry,
) -> Result<usize, Error> {
    let mut added = 0;
    for one in dead_letters {
        added += usize::from(add(connection, one)?);
    }
    write_ledger(connection, entry)?;
    Ok(added)
}

/// Adds a dead letter, unless its event is known.
fn add(
    connection: &Connection,
    DeadLetter { message, failure }: &DeadLetter,
) -> Result<bool, Error> {
    let failure =
        serde_json::to_string(failure).map_err(|error| ToSqlConversionFailure(Box::new(error)))?;
    let added = connection
        .prepare_cached(
            "INSERT OR IGNORE INTO dead_letters
                 (event, kind, message_group, received_at, trace, failure, body)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
             WHERE NOT EXISTS (SELECT 1 FROM ledger WHERE event = ?1)
                 AND NOT EXISTS (SELECT 1 FROM queue WHERE event = ?1)
                 AND NOT EXISTS (SELECT 1 FROM discarded WHERE event = ?1)",
        )?
        .execute((
            message.event.as_str(),
            message.kind.as_str(),
            &*message.group.0,
            message.received_at.as_micros(),
            message.trace.as_deref(),
            failure,
            &*message.body,
        ))?;
    Ok(added > 0)
}
