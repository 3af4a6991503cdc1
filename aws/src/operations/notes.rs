//! Notes on groups of dead letters, and the note of whoever paused the worker.

use std::collections::BTreeMap;

use tierlift_core::{
    ledger::LedgerEntry,
    limits::{NOTES_MAX, NOTES_PAGE_MAX},
    ports::{Note, StoreError},
};

use super::{
    Deployment,
    discarded::{act_of, corrupt},
};
use crate::{
    clock,
    store::{Item, Listed, PK, Write, check_item, new_item, text},
};

/// What the keys of notes begin with.
const PREFIX: &str = "NOTE#";
/// The key of the item that exists while the worker is paused.
const PAUSE_KEY: &str = "PAUSE";

fn note_item(key: String, entry: &LedgerEntry) -> Result<Item, StoreError> {
    let note = Note { act: act_of(entry)?, at: entry.processed_at };
    Ok(new_item(key, serde_dynamo::to_item(&note).map_err(corrupt)?))
}

fn parse_note(item: Item) -> Result<Note, StoreError> {
    let key = text(&item, PK).unwrap_or_default().to_owned();
    check_item(&item, &key)?;
    serde_dynamo::from_item(item).map_err(corrupt)
}

impl Deployment {
    pub(super) async fn list_notes(&self) -> Result<BTreeMap<String, Note>, StoreError> {
        let (mut notes, mut behind) = (BTreeMap::new(), None);
        while notes.len() < NOTES_MAX {
            let page = self.store.listed(Listed::Note, None, behind.as_ref(), NOTES_PAGE_MAX);
            let (items, next) = page.await?;
            for item in items {
                let key = text(&item, PK).unwrap_or_default();
                let group = key.strip_prefix(PREFIX).unwrap_or(key).to_owned();
                notes.insert(group, parse_note(item)?);
            }
            behind = next;
            if behind.is_none() {
                break;
            }
        }
        Ok(notes)
    }

    pub(super) async fn write_note(
        &self,
        group: &str,
        entry: LedgerEntry,
    ) -> Result<(), StoreError> {
        let mut item = note_item(format!("{PREFIX}{group}"), &entry)?;
        Listed::Note.insert(&mut item, entry.processed_at);
        self.store.act(&entry, Write::Put(item)).await
    }

    pub(super) async fn clear_note(&self, group: &str) -> Result<(), StoreError> {
        self.store.clear(format!("{PREFIX}{group}"), clock().now()).await
    }

    pub(super) async fn pause_note(&self) -> Result<Option<Note>, StoreError> {
        self.store.get_uncleared(PAUSE_KEY.to_owned()).await?.map(parse_note).transpose()
    }

    pub(super) async fn write_pause_note(
        &self,
        is_paused: bool,
        entry: &LedgerEntry,
    ) -> Result<(), StoreError> {
        let write = if is_paused {
            Write::Put(note_item(PAUSE_KEY.to_owned(), entry)?)
        } else {
            Write::Clear(PAUSE_KEY.to_owned())
        };
        self.store.act(entry, write).await
    }
}
