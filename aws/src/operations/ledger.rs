//! The ledger in pages. What somebody did by hand is in an index; everything else is found by reading the table.

use std::cmp::Reverse;

use futures_util::future::try_join_all;
use tierlift_core::{
    id::EventId,
    ledger::LedgerEntry,
    limits::LEDGER_ROWS_PER_SCAN_MAX,
    ports::{LedgerFilter, Page, StoreError},
    time::Timestamp,
};

use super::Deployment;
use crate::store::{Listed, Place, RowPlace, Rows, is_wanted, parse_found_ledger};

/// What one scan found.
#[derive(Debug)]
pub(super) struct Scanned {
    filter: LedgerFilter,
    rows: Rows,
    /// The place behind which the rows begin; nothing, if they begin with the newest.
    behind: Option<RowPlace>,
}

impl Scanned {
    /// Whether the rows behind a place are among these: not if they are newer, or if the scan kept no more.
    fn covers(&self, filter: &LedgerFilter, behind: &RowPlace) -> bool {
        let is_complete = self.rows.len() < LEDGER_ROWS_PER_SCAN_MAX;
        let last = self.rows.keys().next_back();
        self.filter == *filter
            && self.behind.as_ref().is_none_or(|begin| behind >= begin)
            && (is_complete || last.is_some_and(|last| behind < last))
    }
}

fn cursor(Reverse((at, event)): &RowPlace) -> String {
    format!("{} {event}", at.as_micros())
}

fn parse(cursor: &str) -> Option<RowPlace> {
    let (at, event) = cursor.split_once(' ')?;
    let at = Timestamp::from_micros(at.parse().ok()?);
    Some(Reverse((at, EventId::new(event).ok()?)))
}

impl Deployment {
    /// Each row is replaced in one transaction. What was read before is read again.
    pub(super) async fn replace(
        &self,
        rows: Vec<(EventId, LedgerEntry)>,
    ) -> Result<(), StoreError> {
        let replacing = rows.iter().map(|(event, row)| self.store.replace_row(event, row));
        try_join_all(replacing).await?;
        *self.scanned.lock().await = None;
        Ok(())
    }

    pub(super) async fn rows(
        &self,
        filter: &LedgerFilter,
        before: Option<&str>,
        max: usize,
    ) -> Result<Page<LedgerEntry>, StoreError> {
        if filter.acts_only {
            return self.acts(filter, before, max).await;
        }
        let mut scanned = self.scanned.lock().await;
        let behind = before.and_then(parse);
        let covers = |it: &Scanned| behind.as_ref().is_some_and(|behind| it.covers(filter, behind));
        if !scanned.as_ref().is_some_and(covers) {
            let rows = self.store.newest_rows(filter, behind.as_ref()).await?;
            let behind = behind.clone();
            *scanned = Some(Scanned { filter: filter.clone(), rows, behind });
        }
        let Some(Scanned { rows, .. }) = scanned.as_ref() else {
            return Ok(Page { items: Vec::new(), next: None });
        };
        let wanted = rows.iter().filter(|(place, _)| behind.as_ref().is_none_or(|it| *place > it));
        let found: Vec<_> = wanted.take(max).collect();
        let next = found.last().filter(|_| found.len() == max).map(|(place, _)| cursor(place));
        Ok(Page { items: found.into_iter().map(|(_, row)| row.clone()).collect(), next })
    }

    async fn acts(
        &self,
        filter: &LedgerFilter,
        before: Option<&str>,
        max: usize,
    ) -> Result<Page<LedgerEntry>, StoreError> {
        let (mut rows, mut behind) = (Vec::new(), before.and_then(Place::parse));
        loop {
            let left = max.saturating_sub(rows.len());
            let page = self.store.listed(Listed::Act, filter.since, behind.as_ref(), left);
            let (items, next) = page.await?;
            for item in items {
                let row = parse_found_ledger(item)?;
                if is_wanted(filter, &row) {
                    rows.push(row);
                }
            }
            behind = next;
            if behind.is_none() || rows.len() >= max {
                return Ok(Page { items: rows, next: behind.map(|place| place.to_string()) });
            }
        }
    }
}
