//! Strongly consistent reads by key: one item, or several in one request.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use futures_util::future::try_join_all;
use tierlift_core::{
    limits::{AWS_ATTEMPTS_MAX, AWS_RETRY_DELAY_MS_MIN, BATCH_GET_KEYS_MAX},
    ports::StoreError,
};

use super::{Store, error::unavailable, item};

impl Store {
    pub(crate) async fn get(&self, key: String) -> Result<Option<item::Item>, StoreError> {
        let request = self.client.get_item().table_name(&self.table).consistent_read(true);
        let output = request.key(item::PK, AttributeValue::S(key)).send().await;
        Ok(output.map_err(|error| unavailable(&error))?.item)
    }

    /// The items under these keys, by key, without absent ones. Nearly always one request has room for
    /// all keys.
    pub(crate) async fn get_all(
        &self,
        keys: &BTreeSet<String>,
    ) -> Result<HashMap<String, item::Item>, StoreError> {
        let keys: Vec<&String> = keys.iter().collect();
        let requests = keys.chunks(BATCH_GET_KEYS_MAX);
        let batches = requests.map(|keys| self.get_batch(keys.iter().copied().cloned().collect()));
        Ok(try_join_all(batches).await?.into_iter().flatten().collect())
    }

    /// The items under the keys of one request. Keys that DynamoDB did not process are requested again:
    /// they may exist.
    async fn get_batch(
        &self,
        mut keys: BTreeSet<String>,
    ) -> Result<HashMap<String, item::Item>, StoreError> {
        let mut found = HashMap::new();
        let mut delay = Duration::from_millis(AWS_RETRY_DELAY_MS_MIN);
        for attempt in 1..=AWS_ATTEMPTS_MAX {
            keys = self.get_batch_once(&keys, &mut found).await?;
            if keys.is_empty() {
                return Ok(found);
            }
            if attempt < AWS_ATTEMPTS_MAX {
                tokio::time::sleep(delay).await;
                delay *= 2;
            }
        }
        Err(StoreError::Unavailable(format!("DynamoDB did not process {keys:?}").into()))
    }

    /// Sends one request; returns the keys that DynamoDB did not process.
    async fn get_batch_once(
        &self,
        keys: &BTreeSet<String>,
        found: &mut HashMap<String, item::Item>,
    ) -> Result<BTreeSet<String>, StoreError> {
        let key =
            |key: &String| HashMap::from([(item::PK.to_owned(), AttributeValue::S(key.clone()))]);
        let requested = KeysAndAttributes::builder()
            .set_keys(Some(keys.iter().map(key).collect()))
            .consistent_read(true)
            .build()
            .map_err(|error| unavailable(&error))?;
        let request = self.client.batch_get_item().request_items(&self.table, requested);
        let output = request.send().await.map_err(|error| unavailable(&error))?;
        for item in output.responses.into_iter().flatten().flat_map(|(_, items)| items) {
            if let Some(key) = item::text(&item, item::PK) {
                found.insert(key.to_owned(), item);
            }
        }
        let unprocessed = output.unprocessed_keys.into_iter().flatten();
        Ok(unprocessed
            .flat_map(|(_, unprocessed)| unprocessed.keys)
            .filter_map(|key| item::text(&key, item::PK).map(str::to_owned))
            .collect())
    }
}

/// Refuses an item of a later version. That passes: the later version is deployed again.
pub(super) fn check_release(item: &item::Item) -> Result<(), StoreError> {
    let checked = item::check_item(item, item::text(item, item::PK).unwrap_or_default());
    let later = checked.err().filter(|error| matches!(error, item::Error::LaterShape { .. }));
    later.map_or(Ok(()), |error| Err(StoreError::Unavailable(error.into())))
}
