//! The file's schema, versioned by `user_version` and migrated at start.
//!
//! A file that a newer program wrote is refused: nothing is guessed. `application_id` distinguishes
//! tierlift's files from other SQLite files.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use tierlift_core::{
    limits::{PAGE_CACHE_KIB_MAX, STATEMENTS_CACHED_MAX, WAL_KEPT_BYTES_MAX, WAL_PAGES_MAX},
    time::Timestamp,
};

use super::{
    error::OpenError,
    mark::{self, Mark},
    reader, rows,
};

/// The version of files that were written before the first release. They are refused.
const UNRELEASED: usize = 1;

/// The step at index `n` migrates a file from version `n` to version `n + 1`. The first step makes nothing:
/// it stands for the schema that was never released.
const MIGRATIONS: &[&str] = &["", V2, V3, V4, V5, V6, V7, V8, V9, V10];

const V2: &str = "
    -- Messages that are not applied yet, in the order of their arrival.
    CREATE TABLE queue (
        seq         INTEGER PRIMARY KEY,
        event       TEXT    NOT NULL UNIQUE,
        kind        TEXT    NOT NULL,
        message_group TEXT  NOT NULL,
        received_at INTEGER NOT NULL,
        visible_at  INTEGER NOT NULL DEFAULT 0,
        trace       TEXT,
        failure     TEXT,
        body        BLOB    NOT NULL
    ) STRICT;

    -- Messages that could not be applied, with the cause in failure.
    CREATE TABLE dead_letters (
        seq         INTEGER PRIMARY KEY,
        event       TEXT    NOT NULL UNIQUE,
        kind        TEXT    NOT NULL,
        message_group TEXT  NOT NULL,
        received_at INTEGER NOT NULL,
        trace       TEXT,
        failure     TEXT    NOT NULL,
        body        BLOB    NOT NULL
    ) STRICT;

    CREATE TABLE customers (
        id            TEXT    PRIMARY KEY,
        version       INTEGER NOT NULL,
        waiting_since INTEGER,
        state         TEXT    NOT NULL
    ) STRICT;
    CREATE INDEX customers_by_waiting ON customers (waiting_since)
        WHERE waiting_since IS NOT NULL;

    -- The way from a payment to what it paid for, until a refund or dispute can no longer come.
    CREATE TABLE payments (
        id            TEXT    PRIMARY KEY,
        version       INTEGER NOT NULL,
        waiting_since INTEGER,
        expires_at    INTEGER NOT NULL,
        state         TEXT    NOT NULL
    ) STRICT;
    CREATE INDEX payments_by_waiting ON payments (waiting_since) WHERE waiting_since IS NOT NULL;
    CREATE INDEX payments_by_expiry ON payments (expires_at);

    CREATE TABLE invoices (
        id         TEXT    PRIMARY KEY,
        version    INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        state      TEXT    NOT NULL
    ) STRICT;
    CREATE INDEX invoices_by_expiry ON invoices (expires_at);

    CREATE TABLE accounts (
        user      TEXT    PRIMARY KEY,
        version   INTEGER NOT NULL,
        next_expiry_at INTEGER,
        state     TEXT    NOT NULL
    ) STRICT;
    CREATE INDEX accounts_by_expiry ON accounts (next_expiry_at) WHERE next_expiry_at IS NOT NULL;

    -- One row for each processed event. Rows are written in the order of processing, so expired rows
    -- are found by rowid.
    CREATE TABLE ledger (
        event         TEXT    NOT NULL UNIQUE,
        kind          TEXT    NOT NULL,
        customer      TEXT,
        owners        TEXT,
        outcome       TEXT    NOT NULL,
        cause         TEXT,
        ambiguous     INTEGER NOT NULL,
        created       INTEGER NOT NULL,
        processed_at  INTEGER NOT NULL,
        expires_at    INTEGER NOT NULL
    ) STRICT;

    -- One row: whether this file holds live events or test events.
    CREATE TABLE deployment (livemode INTEGER NOT NULL) STRICT;

    -- One row: the policy that everything here is under.
    CREATE TABLE policy (id INTEGER PRIMARY KEY CHECK (id = 1), state TEXT NOT NULL) STRICT;
";

/// Who did something by hand, and why.
const V3: &str = "
    ALTER TABLE ledger ADD COLUMN actor TEXT;
    ALTER TABLE ledger ADD COLUMN reason TEXT;
";

/// When Stripe should be asked about a customer, and why it was.
const V4: &str = "
    ALTER TABLE ledger ADD COLUMN because TEXT;
    ALTER TABLE customers ADD COLUMN fetch_not_before INTEGER;
    CREATE INDEX customers_by_fetch ON customers (fetch_not_before)
        WHERE fetch_not_before IS NOT NULL;
";

/// How far the latest reconciliation has come.
const V5: &str = "
    CREATE TABLE reconciliation (id INTEGER PRIMARY KEY CHECK (id = 1), state TEXT NOT NULL) STRICT;
";

/// What operators do: dead letters that were discarded, notes on groups of them, and whether the worker is
/// paused.
const V6: &str = "
    CREATE TABLE discarded (
        event        TEXT    PRIMARY KEY,
        kind         TEXT    NOT NULL,
        message_group TEXT   NOT NULL,
        received_at  INTEGER NOT NULL,
        trace        TEXT,
        failure      TEXT    NOT NULL,
        body         BLOB    NOT NULL,
        actor        TEXT    NOT NULL,
        reason       TEXT    NOT NULL,
        discarded_at INTEGER NOT NULL,
        expires_at   INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX discarded_by_expiry ON discarded (expires_at);

    CREATE TABLE notes (subject TEXT PRIMARY KEY, note TEXT NOT NULL) STRICT;

    -- One row while the worker is paused.
    CREATE TABLE pause (id INTEGER PRIMARY KEY CHECK (id = 1), note TEXT NOT NULL) STRICT;
";

/// The log of changes.
const V7: &str = "
    CREATE TABLE changes (
        position   INTEGER PRIMARY KEY AUTOINCREMENT,
        expires_at INTEGER NOT NULL,
        change     TEXT    NOT NULL
    ) STRICT;
";

/// From when on what is left of an erased user may be deleted.
const V8: &str = "
    ALTER TABLE customers ADD COLUMN expires_at INTEGER;
    CREATE INDEX customers_by_deletion ON customers (expires_at) WHERE expires_at IS NOT NULL;
    ALTER TABLE accounts ADD COLUMN expires_at INTEGER;
    CREATE INDEX accounts_by_deletion ON accounts (expires_at) WHERE expires_at IS NOT NULL;
";

/// The log counts by itself: its latest row is never deleted. What SQLite counts costs each commit a page.
const V9: &str = "
    ALTER TABLE changes RENAME TO counted_changes;
    CREATE TABLE changes (
        position   INTEGER PRIMARY KEY,
        expires_at INTEGER NOT NULL,
        change     TEXT    NOT NULL
    ) STRICT;
    INSERT INTO changes SELECT position, expires_at, change FROM counted_changes;
    DROP TABLE counted_changes;
";

/// Webhooks to the host: those that are not accepted yet, for whom some wait and when the next try is, those that
/// were tried for too long, and up to where the log of changes was taken.
const V10: &str = "
    CREATE TABLE webhooks (
        position  INTEGER PRIMARY KEY,
        id        TEXT    NOT NULL,
        user      TEXT    NOT NULL,
        taken_at  INTEGER NOT NULL,
        change    TEXT    NOT NULL
    ) STRICT;
    CREATE INDEX webhooks_by_user ON webhooks (user, position);

    CREATE TABLE webhook_users (
        user      TEXT    PRIMARY KEY,
        next_at   INTEGER NOT NULL,
        attempts  INTEGER NOT NULL,
        error     TEXT
    ) STRICT;
    CREATE INDEX webhook_users_by_next ON webhook_users (next_at);

    CREATE TABLE dead_webhooks (
        position  INTEGER PRIMARY KEY,
        id        TEXT    NOT NULL,
        user      TEXT    NOT NULL,
        taken_at  INTEGER NOT NULL,
        change    TEXT    NOT NULL,
        failed_at INTEGER NOT NULL,
        attempts  INTEGER NOT NULL,
        error     TEXT    NOT NULL
    ) STRICT;

    CREATE TABLE webhook_place (id INTEGER PRIMARY KEY CHECK (id = 1), cursor TEXT NOT NULL) STRICT;
";

/// Opens the writing connection to an existing file and migrates the schema.
pub(super) fn open(path: &Path, accept_data_loss: bool) -> Result<Connection, OpenError> {
    let path_text = path.display().to_string();
    let sql = |source| OpenError::Sql { path: path_text.clone(), source };
    let mut connection = connect(path).map_err(sql)?;
    let found = identify(&connection, path)?;
    let pages: i64 =
        connection.pragma_query_value(None, "page_count", |row| row.get(0)).map_err(sql)?;
    if found == 0 && pages > 0 && !accept_data_loss {
        return Err(OpenError::Incomplete { path: path_text, latest: None });
    }
    // A new file has its tables before it has a log, so it never is one without the other.
    migrate(&mut connection, found).map_err(sql)?;
    configure(&connection).map_err(sql)?;
    mark::claim(&connection).map_err(sql)?;
    Ok(connection)
}

/// A connection that can write. The name is a file's, never a URI.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags)
}

/// The schema version of a file that is tierlift's or empty.
fn identify(connection: &Connection, path: &Path) -> Result<usize, OpenError> {
    let path_text = || path.display().to_string();
    let sql = |source| OpenError::Sql { path: path_text(), source };
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get(0));
    let version: i64 = number("user_version").map_err(sql)?;
    let application = connection.pragma_query_value(None, "application_id", |row| row.get(0));
    let mark = Mark::parse(application.map_err(sql)?);
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_master", (), |row| row.get(0))
        .map_err(sql)?;
    if mark.is_none() && (tables > 0 || version != 0) {
        return Err(OpenError::Foreign { path: path_text() });
    }
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    match usize::try_from(version) {
        Ok(UNRELEASED) => Err(OpenError::Unreleased { path: path_text() }),
        Ok(version) if version <= MIGRATIONS.len() => Ok(version),
        _ => Err(OpenError::Newer { path: path_text(), found: version, known }),
    }
}

/// Checks that a file which is only read has this program's schema.
pub(super) fn check_current(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let found = identify(connection, path)?;
    if found == MIGRATIONS.len() {
        return Ok(());
    }
    Err(OpenError::NotCurrent { path: path.display().to_string() })
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // An acknowledged webhook survives a power cut: every commit is synced.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // SQLite takes a negative number as KiB and a positive one as pages.
    connection.pragma_update(None, "cache_size", -PAGE_CACHE_KIB_MAX)?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES_MAX)?;
    connection.pragma_update(None, "journal_size_limit", WAL_KEPT_BYTES_MAX)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED_MAX);
    Ok(())
}

/// All steps in one transaction, so that a file is never between two versions.
fn migrate(connection: &mut Connection, found: usize) -> rusqlite::Result<()> {
    if found == MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    for step in MIGRATIONS.iter().skip(found) {
        transaction.execute_batch(step)?;
    }
    let mark = if found == 0 { Mark::Complete } else { Mark::Incomplete(0) };
    mark.set(&transaction)?;
    if found == 0 {
        mark::claim(&transaction)?;
    }
    let version = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    transaction.pragma_update(None, "user_version", version)?;
    transaction.commit()
}

/// The time of the latest commit that a file remembers, if that can be read.
pub(super) fn latest(path: &Path) -> Option<Timestamp> {
    rows::latest_commit_at(&reader::connect(path).ok()?).ok().flatten()
}
