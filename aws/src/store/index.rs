//! The sparse indexes of the table: accounts by the time of their next expiry, what waits by the time since
//! which it does, and customers by the time from which Stripe should be asked about them. An item is in an
//! index while it has the index's attributes.
//!
//! All are eventually consistent: an entry may be of an item that changed a moment ago.

use std::ops::Range;

use aws_sdk_dynamodb::{operation::query::builders::QueryFluentBuilder, types::Select};
use futures_util::future::try_join_all;
use tierlift_core::{
    id::UserId,
    limits::{INDEX_PAGES_MAX, WAITING_PAGES_MAX},
    ports::{Due, FetchList, StoreError, Waiting, WaitingList, WaitingTotals},
    time::Timestamp,
};

use super::{
    Store,
    error::unavailable,
    item::{self, Item, PK, integer, number, text},
};

/// An index over the time in an attribute, in shards.
#[derive(Clone, Copy, Debug)]
struct Index {
    name: &'static str,
    shard: &'static str,
    at: &'static str,
}

const EXPIRY: Index = Index { name: "expiry", shard: item::EXPIRY_SHARD, at: item::NEXT_EXPIRY_AT };
const WAITING: Index =
    Index { name: "waiting", shard: item::WAITING_SHARD, at: item::WAITING_SINCE };

const FETCH: Index = Index { name: "fetch", shard: item::FETCH_SHARD, at: item::FETCH_NOT_BEFORE };

/// A user whose access expired, and the time of the expiry, in seconds since the epoch.
type Expiry = (i64, UserId);

impl Store {
    pub(super) async fn expired_users(
        &self,
        now: Timestamp,
        max: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        let expired =
            self.entries(EXPIRY, 0..item::SHARDS, now.as_secs(), max, parse_expiry).await?;
        Ok(expired.into_iter().map(|(_, user)| user).collect())
    }

    /// At most `max` entries of some shards of an index up to a time, the earliest first.
    async fn entries<T: Ord>(
        &self,
        index: Index,
        shards: Range<u8>,
        until: i64,
        max: usize,
        parse: impl Fn(&Item) -> Option<T>,
    ) -> Result<Vec<T>, StoreError> {
        let parse = &parse;
        let shards = shards.map(|shard| self.shard_entries(index, shard, until, max, parse));
        let mut entries: Vec<T> = try_join_all(shards).await?.into_iter().flatten().collect();
        entries.sort();
        entries.truncate(max);
        Ok(entries)
    }

    /// At most `max` entries of one shard, the earliest first. Entries that cannot be parsed are skipped,
    /// so they hold up nobody.
    async fn shard_entries<T>(
        &self,
        index: Index,
        shard: u8,
        until: i64,
        max: usize,
        parse: impl Fn(&Item) -> Option<T>,
    ) -> Result<Vec<T>, StoreError> {
        let (mut entries, mut start) = (Vec::new(), None);
        for _ in 0..INDEX_PAGES_MAX {
            let page = self
                .query(index, shard, until)
                .limit(i32::try_from(max).unwrap_or(i32::MAX).max(1))
                .set_exclusive_start_key(start);
            let page = page.send().await.map_err(|error| unavailable(&error))?;
            entries.extend(page.items().iter().filter_map(&parse));
            start = page.last_evaluated_key;
            if entries.len() >= max || start.is_none() {
                break;
            }
        }
        Ok(entries)
    }

    /// A query of one shard of an index, up to a time.
    fn query(&self, index: Index, shard: u8, until: i64) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .index_name(index.name)
            .key_condition_expression("#shard = :shard AND #at <= :until")
            .expression_attribute_names("#shard", index.shard)
            .expression_attribute_names("#at", index.at)
            .expression_attribute_values(":shard", number(shard))
            .expression_attribute_values(":until", number(until))
    }

    /// The number of entries of one shard, and the time of the earliest one.
    async fn shard_totals(&self, shard: u8) -> Result<WaitingTotals, StoreError> {
        let (mut totals, mut start) = (WaitingTotals::default(), None);
        for _ in 0..WAITING_PAGES_MAX {
            let page = self.query(WAITING, shard, i64::MAX).select(Select::Count);
            let page = page.set_exclusive_start_key(start).send().await;
            let page = page.map_err(|error| unavailable(&error))?;
            totals.count += u64::try_from(page.count).unwrap_or(0);
            start = page.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        if totals.count > 0 {
            let oldest = self.shard_entries(WAITING, shard, i64::MAX, 1, parse_waiting).await?;
            totals.oldest = oldest.first().map(|waiting| waiting.since);
        }
        Ok(totals)
    }
}

impl WaitingList for Store {
    async fn waiting(&self, max: usize) -> Result<Vec<Waiting>, StoreError> {
        let customers = 0..item::SHARDS;
        let payments = item::SHARDS..2 * item::SHARDS;
        let mut waiting = self.entries(WAITING, customers, i64::MAX, max, parse_waiting).await?;
        if waiting.len() < max {
            let max = max - waiting.len();
            waiting.extend(self.entries(WAITING, payments, i64::MAX, max, parse_waiting).await?);
        }
        Ok(waiting)
    }

    async fn waiting_totals(&self) -> Result<WaitingTotals, StoreError> {
        let shards = try_join_all((0..item::SHARDS).map(|shard| self.shard_totals(shard))).await?;
        Ok(WaitingTotals {
            count: shards.iter().map(|totals| totals.count).sum(),
            oldest: shards.iter().filter_map(|totals| totals.oldest).min(),
        })
    }
}

impl FetchList for Store {
    async fn due(&self, now: Timestamp, max: usize) -> Result<Vec<Due>, StoreError> {
        self.entries(FETCH, 0..item::SHARDS, now.as_micros(), max, parse_due).await
    }
}

/// An entry of the fetch index; `None` where it is not of a customer.
fn parse_due(entry: &Item) -> Option<Due> {
    let key = text(entry, PK).unwrap_or_default();
    let found = integer(entry, item::FETCH_NOT_BEFORE).zip(item::customer_from_key(key));
    let Some((not_before, customer)) = found else {
        tracing::error!(key, "fetch index entry is not a customer");
        return None;
    };
    Some(Due { not_before: Timestamp::from_micros(not_before), customer })
}

/// An entry of the expiry index; `None` where it is not of an account.
fn parse_expiry(entry: &Item) -> Option<Expiry> {
    let key = text(entry, PK).unwrap_or_default();
    let expiry = integer(entry, item::NEXT_EXPIRY_AT).zip(item::user_from_key(key));
    if expiry.is_none() {
        tracing::error!(key, "expiry index entry is not an account");
    }
    expiry
}

/// An entry of the waiting index; `None` where it is neither of a customer nor of a payment.
fn parse_waiting(entry: &Item) -> Option<Waiting> {
    let key = text(entry, PK).unwrap_or_default();
    let found = integer(entry, item::WAITING_SINCE).zip(item::waiting_from_key(key));
    let Some((since, (id, cause))) = found else {
        tracing::error!(key, "waiting index entry is neither a customer nor a payment");
        return None;
    };
    Some(Waiting { since: Timestamp::from_micros(since), id: id.to_owned(), cause })
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;
    use tierlift_core::{codes::Code, id::CustomerId};

    use super::*;

    fn entry(attribute: &str, key: Option<&str>, at: Option<i64>) -> Item {
        let key = key.map(|key| (PK.to_owned(), AttributeValue::S(key.to_owned())));
        let at = at.map(|at| (attribute.to_owned(), number(at)));
        key.into_iter().chain(at).collect()
    }

    #[test]
    fn an_entry_of_the_expiry_index_that_is_not_an_account_is_skipped() {
        let parsed = |key, at| parse_expiry(&entry("next_expiry_at", key, at));
        assert_eq!(parsed(Some("USER#ada"), Some(7)), Some((7, UserId::new("ada").unwrap())));
        for key in [Some("USER#"), Some("CUSTOMER#cus_1"), Some("ada"), None] {
            assert_eq!(parsed(key, Some(7)), None, "{key:?}");
        }
        assert_eq!(parsed(Some("USER#ada"), None), None);
    }

    #[test]
    fn an_entry_of_the_fetch_index_that_is_not_a_customer_is_skipped() {
        let parsed = |key, at| parse_due(&entry("fetch_not_before", key, at));
        let due = Due {
            not_before: Timestamp::from_micros(7),
            customer: CustomerId::new("cus_1").unwrap(),
        };
        assert_eq!(parsed(Some("CUSTOMER#cus_1"), Some(7)), Some(due));
        for key in [Some("PAYMENT#pi_1"), Some("CUSTOMER#"), None] {
            assert_eq!(parsed(key, Some(7)), None, "{key:?}");
        }
        assert_eq!(parsed(Some("CUSTOMER#cus_1"), None), None);
    }

    #[test]
    fn an_entry_of_the_waiting_index_says_what_it_waits_for() {
        let parsed = |key, at| parse_waiting(&entry("waiting_since", key, at));
        let waiting = |id: &str, cause| {
            Some(Waiting { since: Timestamp::from_micros(7), id: id.to_owned(), cause })
        };
        assert_eq!(parsed(Some("CUSTOMER#cus_1"), Some(7)), waiting("cus_1", Code::OwnerUnknown));
        assert_eq!(parsed(Some("PAYMENT#pi_1"), Some(7)), waiting("pi_1", Code::PaymentUnlinked));
        for key in [Some("INVOICE#in_1"), Some("USER#ada"), None] {
            assert_eq!(parsed(key, Some(7)), None, "{key:?}");
        }
        assert_eq!(parsed(Some("PAYMENT#pi_1"), None), None);
    }
}
