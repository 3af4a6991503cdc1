//! Reads by key, strongly consistent: one item, or several in one request.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use tierlift_core::{limits::AWS_ATTEMPTS_MAX, ports::StoreError};

use super::{Store, item, unavailable};

/// How long the first of the keys that DynamoDB did not get to wait; doubles each time.
const UNPROCESSED_DELAY: Duration = Duration::from_millis(50);

impl Store {
    pub(super) async fn get(&self, key: String) -> Result<Option<item::Item>, StoreError> {
        let request = self.client.get_item().table_name(&self.table).consistent_read(true);
        let answer = request.key(item::PK, AttributeValue::S(key)).send().await;
        Ok(answer.map_err(|error| unavailable(&error))?.item)
    }

    /// The items under these keys, by key; absent ones are left out. What DynamoDB did not get to is
    /// asked for again, since that it is absent would be a guess.
    pub(super) async fn batch(
        &self,
        mut keys: BTreeSet<String>,
    ) -> Result<HashMap<String, item::Item>, StoreError> {
        let mut found = HashMap::new();
        let mut delay = UNPROCESSED_DELAY;
        for attempt in 1..=AWS_ATTEMPTS_MAX {
            keys = self.batch_once(&keys, &mut found).await?;
            if keys.is_empty() {
                return Ok(found);
            }
            if attempt < AWS_ATTEMPTS_MAX {
                tokio::time::sleep(delay).await;
                delay *= 2;
            }
        }
        Err(StoreError::Unavailable(format!("DynamoDB did not get to {keys:?}").into()))
    }

    /// One request; says which keys are still to be asked for.
    async fn batch_once(
        &self,
        keys: &BTreeSet<String>,
        found: &mut HashMap<String, item::Item>,
    ) -> Result<BTreeSet<String>, StoreError> {
        let key =
            |key: &String| HashMap::from([(item::PK.to_owned(), AttributeValue::S(key.clone()))]);
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys.iter().map(key).collect()))
            .consistent_read(true)
            .build()
            .map_err(|error| unavailable(&error))?;
        let request = self.client.batch_get_item().request_items(&self.table, wanted);
        let answer = request.send().await.map_err(|error| unavailable(&error))?;
        for item in answer.responses.into_iter().flatten().flat_map(|(_, items)| items) {
            if let Some(key) = item::text(&item, item::PK) {
                found.insert(key.to_owned(), item);
            }
        }
        let unprocessed = answer.unprocessed_keys.into_iter().flatten();
        Ok(unprocessed
            .flat_map(|(_, left)| left.keys)
            .filter_map(|key| item::text(&key, item::PK).map(str::to_owned))
            .collect())
    }
}
