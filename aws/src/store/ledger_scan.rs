//! The newest rows of the ledger. There is no index of webhooks by time, since each webhook would pay for it: the
//! whole table is read, several parts at once, and the newest of what is wanted are kept.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;
use tierlift_core::{
    id::{CustomerId, EventId},
    ledger::LedgerEntry,
    limits::{LEDGER_ROWS_PER_SCAN_MAX, LEDGER_SCAN_SEGMENTS},
    ports::{LedgerFilter, StoreError},
    time::Timestamp,
};

use super::{
    Store,
    error::unavailable,
    item::{self, Item, number},
};

/// The place of a row: the time of processing, and the event. The newest comes first.
pub(crate) type RowPlace = Reverse<(Timestamp, EventId)>;

/// Rows in their order.
pub(crate) type Rows = BTreeMap<RowPlace, LedgerEntry>;

/// The place of a row.
pub(crate) fn place(row: &LedgerEntry) -> RowPlace {
    Reverse((row.processed_at, row.event.clone()))
}

impl Store {
    /// The newest rows that a filter asks for behind a place, at most [`LEDGER_ROWS_PER_SCAN_MAX`].
    pub(crate) async fn newest_rows(
        &self,
        filter: &LedgerFilter,
        behind: Option<&RowPlace>,
    ) -> Result<Rows, StoreError> {
        let newest = Mutex::new(Rows::new());
        let segments = (0..LEDGER_SCAN_SEGMENTS).map(|segment| {
            self.scan_segment(filter, segment, |row| {
                let mut newest = newest.lock().unwrap_or_else(PoisonError::into_inner);
                let place = place(&row);
                if behind.is_none_or(|behind| place > *behind) {
                    newest.insert(place, row);
                }
                if newest.len() > LEDGER_ROWS_PER_SCAN_MAX {
                    newest.pop_last();
                }
            })
        });
        try_join_all(segments).await?;
        Ok(newest.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    async fn scan_segment(
        &self,
        filter: &LedgerFilter,
        segment: i32,
        mut found: impl FnMut(LedgerEntry) + Send,
    ) -> Result<(), StoreError> {
        let mut start: Option<Item> = None;
        loop {
            let mut wanted = "begins_with(#pk, :prefix) AND #at >= :since".to_owned();
            let since = filter.since.map_or(0, Timestamp::as_micros);
            let mut request = self
                .client
                .scan()
                .table_name(&self.table)
                .consistent_read(true)
                .segment(segment)
                .total_segments(LEDGER_SCAN_SEGMENTS)
                .expression_attribute_names("#pk", item::PK)
                .expression_attribute_names("#at", "processed_at")
                .expression_attribute_values(":prefix", AttributeValue::S(item::ledger_prefix()))
                .expression_attribute_values(":since", number(since))
                .set_exclusive_start_key(start);
            if let Some(customer) = filter.customer.as_ref().map(CustomerId::as_str) {
                wanted.push_str(" AND #customer = :customer");
                request = request
                    .expression_attribute_names("#customer", "customer")
                    .expression_attribute_values(
                        ":customer",
                        AttributeValue::S(customer.to_owned()),
                    );
            }
            let page = request.filter_expression(wanted).send().await;
            let page = page.map_err(|error| unavailable(&error))?;
            for item in page.items.into_iter().flatten() {
                match item::parse_found_ledger(item) {
                    Ok(row) if is_wanted(filter, &row) => found(row),
                    Ok(_) => {}
                    Err(error) => tracing::error!(%error, "row left out, it cannot be read"),
                }
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(());
            }
        }
    }
}

/// Whether a filter asks for a row.
pub(crate) fn is_wanted(filter: &LedgerFilter, row: &LedgerEntry) -> bool {
    let LedgerFilter { customer, user, since, acts_only } = filter;
    customer.as_ref().is_none_or(|customer| row.customer.as_ref() == Some(customer))
        && user.as_ref().is_none_or(|user| row.owners.iter().any(|owner| owner.user == *user))
        && since.is_none_or(|since| row.processed_at >= since)
        && (!acts_only || row.act.is_some())
}
