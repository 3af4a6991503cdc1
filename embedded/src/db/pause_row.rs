//! Whether an operator paused the worker.

use rusqlite::{Connection, OptionalExtension as _};
use tierlift_core::ports::Note;

use super::error::{Error, corrupt};

/// Who paused the worker; `None` if it runs.
pub(super) fn paused(connection: &Connection) -> Result<Option<Note>, Error> {
    let text: Option<String> =
        connection.query_row("SELECT note FROM pause", (), |row| row.get(0)).optional()?;
    text.map(|text| serde_json::from_str(&text).map_err(corrupt)).transpose()
}
