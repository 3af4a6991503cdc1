//! Reading the log, as hosts follow it. Positions have no gap, so the keys of the rows behind a place are known.
//!
//! A row that has expired counts as deleted: DynamoDB deletes in any order, up to days late.

use std::{collections::BTreeSet, time::Duration};

use tierlift_core::{
    limits::{CHANGES_POLL_INTERVAL_MS, CHANGES_WAIT_ON_AWS_SECS},
    ports::{ChangeLog, Cursor, LoggedChange, StoreError},
    time::Timestamp,
};
use tokio::time::{Instant, sleep};

use super::{Changes, Head, Item, LOGGED, PREFIX, TTL, item, row_key, text};
use crate::store::integer;

impl Changes {
    /// The text of a row that is kept.
    async fn row(&self, position: u64, now: Timestamp) -> Result<Option<String>, StoreError> {
        let row = self.store.get(row_key(position)).await?;
        row.map(|row| text_of(&row, position, now)).transpose().map(Option::flatten)
    }

    /// The position of the oldest change that is kept. Rows expire in the order of their positions, and the head has
    /// the latest.
    async fn oldest(&self, head: &Head, now: Timestamp) -> Result<u64, StoreError> {
        let (mut low, mut high) = (head.first, head.latest);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.row(middle, now).await? {
                Some(_) => high = middle,
                None => low = middle + 1,
            }
        }
        Ok(low)
    }

    /// Whether all that followed a place before the end is kept.
    async fn is_kept(
        &self,
        head: &Head,
        after: Cursor,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        if after == Cursor::default() {
            return Ok(head.first == 1 && self.oldest_is_kept(head, now).await?);
        }
        let row = self.row(after.position, now).await?;
        Ok(row.is_some_and(|text| head.behind(after.position, &text) == after))
    }

    async fn oldest_is_kept(&self, head: &Head, now: Timestamp) -> Result<bool, StoreError> {
        Ok(head.first == head.latest || self.row(head.first, now).await?.is_some())
    }

    /// The changes from one position to another; `None` if one of them is gone.
    async fn range(
        &self,
        head: &Head,
        from: u64,
        to: u64,
        now: Timestamp,
    ) -> Result<Option<Vec<LoggedChange>>, StoreError> {
        let keys: BTreeSet<String> = (from..=to.min(head.latest - 1)).map(row_key).collect();
        let found = self.store.get_all(&keys).await?;
        let mut changes = Vec::new();
        for position in from..=to {
            let text = match found.get(&row_key(position)) {
                Some(row) => text_of(row, position, now)?,
                None => (position == head.latest).then(|| head.text.clone()),
            };
            let Some(text) = text else { return Ok(None) };
            let change = serde_json::from_str(&text)
                .map_err(|error| StoreError::Corrupt(format!("{PREFIX}{position}: {error}")))?;
            changes.push(LoggedChange { cursor: head.behind(position, &text), change });
        }
        Ok(Some(changes))
    }
}

/// The text of a row; `None` if it has expired.
fn text_of(row: &Item, position: u64, now: Timestamp) -> Result<Option<String>, StoreError> {
    let key = row_key(position);
    item::check_item(row, &key)?;
    let (Some(logged), Some(kept_until)) = (text(row, LOGGED), integer::<i64>(row, TTL)) else {
        return Err(StoreError::Corrupt(format!("{key} was not written by tierlift")));
    };
    Ok((kept_until > now.as_secs()).then(|| logged.to_owned()))
}

impl ChangeLog for Changes {
    async fn changes_after(
        &self,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Option<Vec<LoggedChange>>, StoreError> {
        let Some(head) = self.head().await? else {
            let is_beginning = after.is_none_or(|after| after == Cursor::default());
            return Ok(is_beginning.then(Vec::new));
        };
        let now = self.clock.now();
        let from = match after {
            Some(after) if after == head.end() => return Ok(Some(Vec::new())),
            Some(after) if after.position >= head.latest => return Ok(None),
            Some(after) if !self.is_kept(&head, after, now).await? => return Ok(None),
            Some(after) => after.position + 1,
            None if head.first > head.latest => return Ok(Some(Vec::new())),
            None => self.oldest(&head, now).await?,
        };
        let count = u64::try_from(max).unwrap_or(u64::MAX);
        self.range(&head, from, head.latest.min(from.saturating_add(count) - 1), now).await
    }

    async fn latest_change(&self) -> Result<Cursor, StoreError> {
        Ok(self.head().await?.map_or_else(Cursor::default, |head| head.end()))
    }

    /// It returns without a change, too: before the function that waits has to end. A table that cannot be read ends
    /// the wait, and the read that follows says so.
    async fn wait_for_change(&self, after: Cursor) {
        let end = Instant::now() + Duration::from_secs(CHANGES_WAIT_ON_AWS_SECS);
        while Instant::now() < end {
            sleep(Duration::from_millis(CHANGES_POLL_INTERVAL_MS)).await;
            match self.latest_change().await {
                Ok(latest) if latest == after => {}
                Ok(_) | Err(_) => return,
            }
        }
    }
}
