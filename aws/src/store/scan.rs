//! All customers and accounts, page by page.
//!
//! There is no index of all customers or accounts: a scan reads the whole table, once for each kind, and
//! a table is scanned when the policy changes. So most of what a page reads is of other kinds.

use aws_sdk_dynamodb::types::AttributeValue;
use tierlift_core::{
    account::Account,
    customer::Customer,
    id::UserId,
    limits::SCAN_PAGES_MAX,
    ports::{Page, Scan, StoreError},
};

use super::{
    Store,
    error::unavailable,
    item::{self, Aggregate, Item},
};

impl Store {
    /// A page of a kind. It may be empty and not the last one. An item that cannot be read is left out, and
    /// holds up none of the others.
    async fn scan<T: Aggregate>(
        &self,
        after: Option<&str>,
        max: usize,
    ) -> Result<Page<T>, StoreError> {
        let mut page = Page { items: Vec::new(), next: after.map(str::to_owned) };
        for _ in 0..SCAN_PAGES_MAX {
            let (found, next) = self.scan_once::<T>(page.next.take(), max).await?;
            page.next = next;
            for item in found {
                match item::parse_found(item) {
                    Ok(value) => page.items.push(value),
                    Err(error) => tracing::error!(%error, "stored item left out"),
                }
            }
            if !page.items.is_empty() || page.next.is_none() {
                break;
            }
        }
        Ok(page)
    }

    /// Reads at most `max` items after a key; returns those of the kind, and the key of the last one that
    /// was read if more may follow.
    async fn scan_once<T: Aggregate>(
        &self,
        after: Option<String>,
        max: usize,
    ) -> Result<(Vec<Item>, Option<String>), StoreError> {
        let start = after.map(|key| Item::from([(item::PK.to_owned(), AttributeValue::S(key))]));
        let request = self
            .client
            .scan()
            .table_name(&self.table)
            .consistent_read(true)
            .filter_expression("begins_with(#pk, :prefix)")
            .expression_attribute_names("#pk", item::PK)
            .expression_attribute_values(":prefix", AttributeValue::S(T::PREFIX.to_owned()))
            .limit(i32::try_from(max).unwrap_or(i32::MAX).max(1))
            .set_exclusive_start_key(start);
        let output = request.send().await.map_err(|error| unavailable(&error))?;
        let last = output.last_evaluated_key.as_ref();
        let next = last.and_then(|key| item::text(key, item::PK)).map(str::to_owned);
        Ok((output.items.unwrap_or_default(), next))
    }
}

impl Scan for Store {
    async fn customers(
        &self,
        after: Option<&str>,
        max: usize,
    ) -> Result<Page<Customer>, StoreError> {
        self.scan(after, max).await
    }

    async fn accounts(&self, after: Option<&str>, max: usize) -> Result<Page<Account>, StoreError> {
        self.scan(after, max).await
    }

    async fn accounts_of(&self, users: Vec<UserId>) -> Result<Vec<Account>, StoreError> {
        let found = self.get_all(&users.iter().map(item::account_key).collect()).await?;
        Ok(found.into_values().map(item::parse_found).collect::<Result<_, _>>()?)
    }
}
