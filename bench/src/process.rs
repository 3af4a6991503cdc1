//! What a measured process has written.

use std::{fs, path::Path};

const TAIL_MAX_BYTES: usize = 2_000;

/// The end of a log, for when its process fails.
#[must_use]
pub fn log_tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let from = text.ceil_char_boundary(text.len().saturating_sub(TAIL_MAX_BYTES));
    text.get(from..).unwrap_or_default().to_owned()
}
