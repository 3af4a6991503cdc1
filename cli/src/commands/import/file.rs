//! The lines of a file of objects and events, in batches. Whoever takes a batch reads all of it before the first line is
//! enqueued, so a wrong line ends the import at its batch.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
};

use anyhow::Context as _;
use tierlift_core::{
    limits::{DEAD_LETTERS_PAGE_MAX, TRANSFER_BATCH_BYTES},
    time::Timestamp,
};
use tierlift_embedded::{Imported, ObjectLines};

use crate::error::Error;

/// Hands over every line that is not empty, and adds up what became of them.
pub(super) fn import(
    path: &Path,
    as_of_secs: Option<i64>,
    mut take: impl FnMut(&ObjectLines) -> Result<Imported, Error>,
) -> Result<String, Error> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
    let written = file.metadata().and_then(|metadata| metadata.modified()).map(Timestamp::from);
    let as_of_secs = match as_of_secs {
        Some(secs) => secs,
        None => written.with_context(|| format!("cannot read the time of {name}"))?.as_secs(),
    };
    let mut batch = ObjectLines { name: name.to_string(), as_of_secs, lines: Vec::new() };
    let (mut all, mut bytes) = (Imported::default(), 0);
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("cannot read {name}"))?;
        if line.trim().is_empty() {
            continue;
        }
        bytes += line.len();
        batch.lines.push((index as u64 + 1, line));
        if bytes >= TRANSFER_BATCH_BYTES || batch.lines.len() >= DEAD_LETTERS_PAGE_MAX {
            add(&mut all, take(&batch)?);
            batch.lines.clear();
            bytes = 0;
        }
    }
    if !batch.lines.is_empty() {
        add(&mut all, take(&batch)?);
    }
    let Imported { objects, events, repeated, ignored } = all;
    Ok(format!("{objects} objects, {events} events, {repeated} queued before, {ignored} ignored"))
}

fn add(all: &mut Imported, batch: Imported) {
    let Imported { objects, events, repeated, ignored } = batch;
    all.objects += objects;
    all.events += events;
    all.repeated += repeated;
    all.ignored += ignored;
}
