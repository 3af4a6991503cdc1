//! What operators read and write: dead letters page by page, those that were discarded, notes, the ledger
//! as a list, and the pause of the worker. Each act and its row of the ledger are one job, and so durable
//! together.

use std::collections::BTreeMap;

use rusqlite::{Connection, Error::ToSqlConversionFailure, OptionalExtension as _, Row};
use tierlift_core::{
    id::{CustomerId, EventId},
    ledger::{Act, LedgerEntry},
    limits::{DEAD_LETTERS_PAGE_BYTES_MAX, DISCARDED_KEPT_DAYS, LEDGER_PAGE_MAX},
    ports::{
        Activity, DeadLetter, Discarded, Fate, LedgerFilter, Note, Operations, Page, StoreError,
    },
    time::Timestamp,
};

use super::{
    dead_letters::dead_letter,
    erase,
    error::{Error, corrupt},
    handle::Db,
    import::import,
    message_rows::limit,
    pause_row::paused,
    rows::{ledger_entry, write_ledger},
};

/// The place that a cursor stands for. Another backend's, or a wrong one, is the beginning.
fn place(cursor: Option<&str>, default: i64) -> i64 {
    cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(default)
}

/// How the rows of a query become a page.
struct Paging<C, I, S> {
    /// The rows that were asked for.
    max: usize,
    /// The place of a row.
    cursor: C,
    /// What a row says.
    item: I,
    /// The size of that in memory, where it matters.
    size: S,
}

impl<T, C, I, S> Paging<C, I, S>
where
    C: Fn(&Row<'_>) -> rusqlite::Result<i64>,
    I: Fn(&Row<'_>) -> Result<T, Error>,
    S: Fn(&T) -> usize,
{
    fn page(&self, rows: &mut rusqlite::Rows<'_>) -> Result<Page<T>, Error> {
        let (mut items, mut last, mut seen, mut bytes) = (Vec::new(), None, 0, 0);
        while bytes < DEAD_LETTERS_PAGE_BYTES_MAX
            && let Some(row) = rows.next()?
        {
            (last, seen) = (Some((self.cursor)(row)?), seen + 1);
            match (self.item)(row) {
                Ok(item) => {
                    bytes += (self.size)(&item);
                    items.push(item);
                }
                Err(error) => tracing::error!(%error, "row left out, it cannot be read"),
            }
        }
        let is_full = seen == self.max || bytes >= DEAD_LETTERS_PAGE_BYTES_MAX;
        Ok(Page { items, next: last.filter(|_| is_full).map(|last| last.to_string()) })
    }
}

fn dead_letters(
    connection: &Connection,
    (after, until): (i64, i64),
    max: usize,
) -> Result<Page<DeadLetter>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT event, kind, message_group, received_at, trace, body, failure, seq
         FROM dead_letters WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3",
    )?;
    let cursor = |row: &Row<'_>| row.get(7);
    let size = |one: &DeadLetter| one.message.body.len();
    let paging = Paging { max, cursor, item: dead_letter, size };
    paging.page(&mut statement.query((after, until, limit(max)))?)
}

fn last_dead_letter(connection: &Connection) -> Result<Option<String>, Error> {
    let last: Option<i64> =
        connection.query_row("SELECT max(seq) FROM dead_letters", (), |row| row.get(0))?;
    Ok(last.map(|last| last.to_string()))
}

fn fates(connection: &Connection, events: &[EventId]) -> Result<Vec<Fate>, Error> {
    let mut applied = connection.prepare_cached("SELECT 1 FROM ledger WHERE event = ?1")?;
    let mut dead = connection.prepare_cached("SELECT 1 FROM dead_letters WHERE event = ?1")?;
    let mut fates = Vec::new();
    for event in events {
        fates.push(if applied.exists((event.as_str(),))? {
            Fate::Applied
        } else if dead.exists((event.as_str(),))? {
            Fate::Failed
        } else {
            Fate::Queued
        });
    }
    Ok(fates)
}

/// The rows of the last minute are counted up to a page of them.
fn activity(connection: &Connection, now: Timestamp) -> Result<Activity, Error> {
    let last_event = connection
        .prepare_cached(
            "SELECT event, kind, customer, owners, outcome, cause, ambiguous, created, processed_at,
                 expires_at, actor, reason, because
             FROM ledger WHERE kind NOT LIKE 'tierlift.%' ORDER BY rowid DESC LIMIT 1",
        )?
        .query_row((), |row| Ok(ledger_entry(row)))
        .optional()?
        .transpose()?;
    let minute = LedgerFilter { since: Some(now.plus_secs(-60)), ..LedgerFilter::default() };
    let minute = ledger_page(connection, &minute, i64::MAX, LEDGER_PAGE_MAX)?;
    Ok(Activity {
        in_flight: None,
        thin_queued: None,
        last_event,
        applied_last_minute: u64::try_from(minute.items.len()).ok(),
    })
}

fn discard(connection: &Connection, event: &EventId, entry: &LedgerEntry) -> Result<bool, Error> {
    let expires_at = entry.processed_at.plus_days(DISCARDED_KEPT_DAYS);
    let moved = connection
        .prepare_cached(
            "INSERT OR REPLACE INTO discarded (event, kind, message_group, received_at, trace, failure,
                 body, actor, reason, discarded_at, expires_at)
             SELECT event, kind, message_group, received_at, trace, failure, body, ?2, ?3, ?4, ?5
             FROM dead_letters WHERE event = ?1",
        )?
        .execute((
            event.as_str(),
            entry.act.as_ref().map_or("", Act::actor),
            entry.act.as_ref().map_or("", Act::reason),
            entry.processed_at.as_micros(),
            expires_at.as_micros(),
        ))?;
    if moved == 0 {
        return Ok(false);
    }
    connection
        .prepare_cached("DELETE FROM dead_letters WHERE event = ?1")?
        .execute((event.as_str(),))?;
    write_ledger(connection, entry)?;
    Ok(true)
}

fn undiscard(connection: &Connection, event: &EventId, entry: &LedgerEntry) -> Result<bool, Error> {
    let moved = connection
        .prepare_cached(
            "INSERT OR IGNORE INTO dead_letters
                 (event, kind, message_group, received_at, trace, failure, body)
             SELECT event, kind, message_group, received_at, trace, failure, body
             FROM discarded WHERE event = ?1",
        )?
        .execute((event.as_str(),))?;
    let deleted = connection
        .prepare_cached("DELETE FROM discarded WHERE event = ?1")?
        .execute((event.as_str(),))?;
    if deleted > 0 {
        write_ledger(connection, entry)?;
    }
    Ok(moved > 0 || deleted > 0)
}

fn discarded(connection: &Connection, after: i64, max: usize) -> Result<Page<Discarded>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT event, kind, message_group, received_at, trace, body, failure, actor, reason,
             discarded_at, expires_at, rowid
         FROM discarded WHERE rowid < ?1 ORDER BY rowid DESC LIMIT ?2",
    )?;
    let mut rows = statement.query((after, limit(max)))?;
    let item = |row: &Row<'_>| {
        let text = |column| row.get_ref(column)?.as_str().map_err(corrupt);
        Ok(Discarded {
            dead_letter: dead_letter(row)?,
            act: Act::new(text(7)?, text(8)?).map_err(corrupt)?,
            discarded_at: Timestamp::from_micros(row.get(9)?),
            expires_at: Timestamp::from_micros(row.get(10)?),
        })
    };
    let size = |one: &Discarded| one.dead_letter.message.body.len();
    Paging { max, cursor: |row: &Row<'_>| row.get(11), item, size }.page(&mut rows)
}

fn notes(connection: &Connection) -> Result<BTreeMap<String, Note>, Error> {
    let mut statement = connection.prepare_cached("SELECT subject, note FROM notes")?;
    let mut rows = statement.query(())?;
    let mut notes = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let text = row.get_ref(1)?.as_str().map_err(corrupt)?;
        notes.insert(row.get(0)?, serde_json::from_str(text).map_err(corrupt)?);
    }
    Ok(notes)
}

fn note_of(entry: &LedgerEntry) -> Result<String, Error> {
    let act = entry.act.clone().ok_or_else(|| corrupt("an act of nobody"))?;
    let note = serde_json::to_string(&Note { act, at: entry.processed_at });
    Ok(note.map_err(|error| ToSqlConversionFailure(Box::new(error)))?)
}

fn set_note(connection: &Connection, group: &str, entry: &LedgerEntry) -> Result<(), Error> {
    let write = "INSERT OR REPLACE INTO notes (subject, note) VALUES (?1, ?2)";
    connection.execute(write, (group, note_of(entry)?))?;
    write_ledger(connection, entry).map(drop)
}

fn set_paused(connection: &Connection, is_paused: bool, entry: &LedgerEntry) -> Result<(), Error> {
    if is_paused {
        let write = "INSERT OR REPLACE INTO pause (id, note) VALUES (1, ?1)";
        connection.execute(write, (note_of(entry)?,))?;
    } else {
        connection.execute("DELETE FROM pause", ())?;
    }
    write_ledger(connection, entry).map(drop)
}

/// The newest rows first. There is no index of who or what a row is about, since every webhook would pay for
/// it: the rows are looked at one after another.
fn ledger_page(
    connection: &Connection,
    filter: &LedgerFilter,
    before: i64,
    max: usize,
) -> Result<Page<LedgerEntry>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT event, kind, customer, owners, outcome, cause, ambiguous, created, processed_at,
             expires_at, actor, reason, because, rowid
         FROM ledger
         WHERE rowid < ?1 AND processed_at >= ?2 AND (?3 IS NULL OR customer = ?3)
             AND (?4 IS NULL OR EXISTS (
                 SELECT 1 FROM json_each(owners) WHERE value ->> 'user' = ?4))
             AND (NOT ?5 OR actor IS NOT NULL)
         ORDER BY rowid DESC LIMIT ?6",
    )?;
    let mut rows = statement.query((
        before,
        filter.since.map_or(i64::MIN, Timestamp::as_micros),
        filter.customer.as_ref().map(CustomerId::as_str),
        filter.user.as_ref().map(tierlift_core::id::UserId::as_str),
        filter.acts_only,
        limit(max),
    ))?;
    Paging {
        max,
        cursor: |row: &Row<'_>| row.get(13),
        item: ledger_entry,
        size: |_: &LedgerEntry| 0,
    }
    .page(&mut rows)
}

impl Operations for Db {
    async fn dead_letters(
        &self,
        after: Option<&str>,
        until: Option<&str>,
        max: usize,
    ) -> Result<Page<DeadLetter>, StoreError> {
        let places = (place(after, i64::MIN), place(until, i64::MAX));
        Ok(self.read_committed(move |connection| dead_letters(connection, places, max)).await?)
    }

    async fn dead_letters_end(&self) -> Result<Option<String>, StoreError> {
        Ok(self.read_committed(last_dead_letter).await?)
    }

    async fn fates(&self, events: &[EventId]) -> Result<Vec<Fate>, StoreError> {
        let events = events.to_owned();
        Ok(self.read_committed(move |connection| fates(connection, &events)).await?)
    }

    async fn activity(&self, now: Timestamp) -> Result<Activity, StoreError> {
        let activity = self.read_committed(move |connection| activity(connection, now)).await?;
        let in_flight = self.read_uncommitted(|tables| Ok(tables.index.in_flight())).await?;
        Ok(Activity { in_flight: u64::try_from(in_flight).ok(), ..activity })
    }

    async fn discard(&self, event: &EventId, entry: LedgerEntry) -> Result<bool, StoreError> {
        let event = event.clone();
        Ok(self.write(move |tables| discard(&tables.connection, &event, &entry)).await?)
    }

    async fn undiscard(&self, event: &EventId, entry: LedgerEntry) -> Result<bool, StoreError> {
        let event = event.clone();
        Ok(self.write(move |tables| undiscard(&tables.connection, &event, &entry)).await?)
    }

    async fn discarded(
        &self,
        after: Option<&str>,
        max: usize,
    ) -> Result<Page<Discarded>, StoreError> {
        let after = place(after, i64::MAX);
        Ok(self.read_committed(move |connection| discarded(connection, after, max)).await?)
    }

    async fn erase_messages(&self, events: &[EventId]) -> Result<usize, StoreError> {
        let events = events.to_owned();
        Ok(self.write(move |tables| erase::messages(&tables.connection, &events)).await?)
    }

    async fn import_dead_letters(
        &self,
        dead_letters: Vec<DeadLetter>,
        entry: LedgerEntry,
    ) -> Result<usize, StoreError> {
        let write = move |tables: &mut super::tables::Tables| {
            import(&tables.connection, &dead_letters, &entry)
        };
        Ok(self.write(write).await?)
    }

    async fn erase_note(&self, group: &str) -> Result<(), StoreError> {
        let group = group.to_owned();
        Ok(self.write(move |tables| erase::note(&tables.connection, &group)).await?)
    }

    async fn replace_rows(&self, rows: Vec<(EventId, LedgerEntry)>) -> Result<(), StoreError> {
        Ok(self.write(move |tables| erase::replace_rows(&tables.connection, &rows)).await?)
    }

    async fn notes(&self) -> Result<BTreeMap<String, Note>, StoreError> {
        Ok(self.read_committed(notes).await?)
    }

    async fn set_note(&self, group: &str, entry: LedgerEntry) -> Result<(), StoreError> {
        let group = group.to_owned();
        Ok(self.write(move |tables| set_note(&tables.connection, &group, &entry)).await?)
    }

    async fn ledger_page(
        &self,
        filter: &LedgerFilter,
        before: Option<&str>,
        max: usize,
    ) -> Result<Page<LedgerEntry>, StoreError> {
        let (filter, before) = (filter.clone(), place(before, i64::MAX));
        let read = move |connection: &Connection| ledger_page(connection, &filter, before, max);
        Ok(self.read_committed(read).await?)
    }

    async fn paused(&self) -> Result<Option<Note>, StoreError> {
        Ok(self.read_committed(paused).await?)
    }

    async fn set_paused(&self, is_paused: bool, entry: LedgerEntry) -> Result<(), StoreError> {
        self.write(move |tables| set_paused(&tables.connection, is_paused, &entry)).await?;
        // Only once it is durable, so that a lost commit changes nothing.
        let apply = move |tables: &mut super::tables::Tables| {
            tables.is_paused = is_paused;
            Ok(())
        };
        Ok(self.read_uncommitted(apply).await?)
    }
}
