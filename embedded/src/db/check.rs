//! Looks for damage in the data file. It changes nothing.
//!
//! At start the pages are looked at for a bounded time, beside the server's work. The operator's check takes as
//! long as it needs, and reads every row as the server would.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, Row};
use tierlift_core::{
    account::Account,
    customer::Customer,
    invoice::Invoice,
    limits::{FAULTS_LISTED_MAX, INTEGRITY_CHECK_SECS_MAX},
    payment::Payment,
};
use tokio::{sync::oneshot, time::timeout};

use super::{
    aggregates::{Aggregate, aggregate},
    dead_letters::dead_letter,
    error::{Error, OpenError, corrupt},
    handle::Db,
    mark::lacks_log,
    message_rows::message,
    reader,
    rows::ledger_entry,
    schema,
};

/// What a check found.
type Faults = Vec<String>;

/// Checks every page, index and row of a file, which another process may have open. Returns a line for each
/// fault, at most [`FAULTS_LISTED_MAX`].
pub fn check(path: &Path) -> Result<Faults, OpenError> {
    let path_text = || path.display().to_string();
    if lacks_log(path).map_err(|source| OpenError::Io { path: path_text(), source })? {
        return Err(OpenError::Incomplete { path: path_text(), latest: schema::latest(path) });
    }
    let sql = |source| OpenError::Sql { path: path_text(), source };
    let connection = reader::connect(path).map_err(sql)?;
    schema::check_current(&connection, path)?;
    let mut faults = pragma(&connection, "integrity_check").map_err(sql)?;
    check_rows(&connection, &mut faults, &all::<Customer>(), parse::<Customer>);
    check_rows(&connection, &mut faults, &all::<Account>(), parse::<Account>);
    check_rows(&connection, &mut faults, &all::<Payment>(), parse::<Payment>);
    check_rows(&connection, &mut faults, &all::<Invoice>(), parse::<Invoice>);
    check_rows(&connection, &mut faults, LEDGER, |row| ledger_entry(row).map(drop));
    check_rows(&connection, &mut faults, QUEUE, |row| message(row).map(drop));
    check_rows(&connection, &mut faults, DEAD_LETTERS, |row| dead_letter(row).map(drop));
    faults.truncate(FAULTS_LISTED_MAX);
    Ok(faults)
}

const LEDGER: &str = "SELECT event, kind, customer, owners, outcome, cause, ambiguous, created,
    processed_at, expires_at, actor, reason, because FROM ledger ORDER BY rowid";
const QUEUE: &str =
    "SELECT event, kind, message_group, received_at, trace, body FROM queue ORDER BY seq";
const DEAD_LETTERS: &str = "SELECT event, kind, message_group, received_at, trace, body, failure
    FROM dead_letters ORDER BY seq";

/// Selects all rows of an aggregate.
fn all<T: Aggregate>() -> String {
    T::PAGE.replace("?1", "''").replace("?2", "-1")
}

fn parse<T: Aggregate>(row: &Row<'_>) -> Result<(), Error> {
    let key = row.get_ref(2)?.as_str().map_err(corrupt)?;
    aggregate::<T>(row, key).map(drop)
}

/// Reads rows until one cannot even be reached.
fn check_rows(
    connection: &Connection,
    faults: &mut Faults,
    select: &str,
    parse: impl Fn(&Row<'_>) -> Result<(), Error>,
) {
    let mut each = || -> Result<(), Error> {
        let mut statement = connection.prepare(select)?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()?
            && faults.len() < FAULTS_LISTED_MAX
        {
            if let Err(error) = parse(row) {
                faults.push(error.to_string());
            }
        }
        Ok(())
    };
    if let Err(error) = each() {
        faults.push(error.to_string());
    }
}

/// The faults that a check of SQLite's lists; "ok" is none.
fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<Faults> {
    let mut statement = connection.prepare(&format!("PRAGMA {name}({FAULTS_LISTED_MAX})"))?;
    let lines = statement.query_map((), |row| row.get(0))?;
    Ok(lines.collect::<rusqlite::Result<Faults>>()?.into_iter().filter(|it| it != "ok").collect())
}

impl Db {
    /// Looks at the file's pages, for a bounded time, and logs what is damaged.
    pub async fn check_at_start(&self) {
        match self.quick_check().await {
            Ok(faults) if faults.is_empty() => {}
            Ok(faults) => {
                let first = faults.first();
                tracing::error!(
                    faults = faults.len(),
                    first,
                    "data file is damaged: tierlift check"
                );
            }
            Err(error) => tracing::warn!(%error, "data file not checked to its end"),
        }
    }

    async fn quick_check(&self) -> Result<Faults, Error> {
        let (sender, interrupt) = oneshot::channel();
        let check = self.read_committed(move |connection| {
            let _ = sender.send(connection.get_interrupt_handle());
            Ok(pragma(connection, "quick_check")?)
        });
        let mut check = std::pin::pin!(check);
        let time_limit = Duration::from_secs(INTEGRITY_CHECK_SECS_MAX);
        if let Ok(checked) = timeout(time_limit, &mut check).await {
            return checked;
        }
        if let Ok(interrupt) = interrupt.await {
            interrupt.interrupt();
        }
        check.await
    }
}
