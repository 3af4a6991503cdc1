//! Files of lines that are sent to a server in batches: what fills a batch is sent, and the counts of all answers are
//! added up.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
};

use anyhow::Context as _;
use serde_json::{Value, json};
use tierlift_core::limits::{DEAD_LETTERS_PAGE_MAX, TRANSFER_BATCH_BYTES};

use crate::error::Error;

/// What became of the lines of a file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    added: u64,
    known: u64,
    ignored: u64,
}

impl Counts {
    fn add(&mut self, answer: &Value) {
        let number = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or(0);
        self.added += number("added");
        self.known += number("known");
        self.ignored += number("ignored");
    }

    /// The counts as JSON.
    pub(super) fn json(self) -> Value {
        let Self { added, known, ignored } = self;
        json!({ "added": added, "known": known, "ignored": ignored })
    }
}

/// Sends the lines of a file. Empty ones are left out.
pub(super) fn send(
    path: &Path,
    mut post: impl FnMut(Vec<String>) -> Result<Value, Error>,
) -> Result<Counts, Error> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
    let (mut counts, mut batch, mut bytes) = (Counts::default(), Vec::new(), 0);
    for line in BufReader::new(file).lines() {
        let line = line.with_context(|| format!("cannot read {name}"))?;
        if line.trim().is_empty() {
            continue;
        }
        bytes += line.len();
        batch.push(line);
        if bytes >= TRANSFER_BATCH_BYTES || batch.len() >= DEAD_LETTERS_PAGE_MAX {
            counts.add(&post(std::mem::take(&mut batch))?);
            bytes = 0;
        }
    }
    if !batch.is_empty() {
        counts.add(&post(batch)?);
    }
    Ok(counts)
}
