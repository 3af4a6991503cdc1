//! Dead letters that come from elsewhere, such as another deployment's file. What is known already, wherever it stands, is
//! left as it is.

use rusqlite::{Connection, Error::ToSqlConversionFailure};
use tierlift_core::{
    ledger::LedgerEntry,
    ports::{DeadLetter, StoreError},
};
use tierlift_operations::Taken;

use super::{error::Error, handle::Db, rows::write_ledger};

impl Db {
    /// Adds dead letters, with the act's row of the ledger, in one transaction.
    pub(crate) async fn import_dead_letters(
        &self,
        dead_letters: Vec<DeadLetter>,
        entry: LedgerEntry,
    ) -> Result<Taken, StoreError> {
        Ok(self.write(move |tables| import(&tables.connection, &dead_letters, &entry)).await?)
    }
}

fn import(
    connection: &Connection,
    dead_letters: &[DeadLetter],
    entry: &LedgerEntry,
) -> Result<Taken, Error> {
    let mut taken = Taken::default();
    for one in dead_letters {
        if add(connection, one)? {
            taken.added += 1;
        } else {
            taken.known += 1;
        }
    }
    write_ledger(connection, entry)?;
    Ok(taken)
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
