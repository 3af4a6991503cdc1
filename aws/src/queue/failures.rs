//! Failure records in the table: how often a message failed and why. SQS counts deliveries, and does not know
//! how they ended. Only what is recorded here counts as an attempt, so an outage of the table never does.
//!
//! Under an event's id stand its failures before the latest one, since a dead letter has no room for more than that, and
//! whether it was parked since it was last redriven.
//!
//! A failure is counted once, however often it is recorded: a mark of the delivery is
//! stored with the count. A record never delays a message for long or fails it: where the table is
//! unavailable or slow, only the record is lost.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::update_item::UpdateItemError,
    types::{AttributeValue, KeysAndAttributes},
};
use futures_util::future::join_all;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tierlift_core::{
    codes::Code,
    failure::{FailedAttempt, Failure, FailureRecord},
    id::EventId,
    limits::{BATCH_GET_KEYS_MAX, FAILURE_KEPT_DAYS, FAILURE_RECORD_TIMEOUT_MS},
    time::Timestamp,
};

use super::update::Update;
use crate::{
    Sdk,
    sdk::with_sources,
    store::{Item, PK, TTL, check_item, new_item, number, text},
};

/// The attribute that holds the mark of the last delivery that was counted.
const MARK: &str = "failed_by";
/// The attribute of an event's item that has its earlier failures.
const EARLIER: &str = "earlier";
/// The attribute of an event's item that has the message that was parked since the last redrive.
const PARKED: &str = "parked";
/// Bytes of the digest that marks a delivery.
const MARK_BYTES: usize = 12;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The failure records in the table.
#[derive(Clone, Debug)]
pub(super) struct Failures {
    client: Client,
    table: String,
}

/// How the earlier attempts at a message, or at an event before it was redriven, ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct DeliveryHistory {
    pub(super) attempts: u32,
    cause: Option<Code>,
    first_at: Timestamp,
    last_at: Timestamp,
    last_error: String,
    pub(super) earlier: Vec<FailedAttempt>,
    #[cfg_attr(
        not(feature = "operations"),
        expect(dead_code, reason = "only operators look at it")
    )]
    parked: Option<String>,
}

impl DeliveryHistory {
    #[cfg(feature = "operations")]
    /// Whether the event was parked since it was last redriven.
    pub(super) const fn is_parked(&self) -> bool {
        self.parked.is_some()
    }

    /// The message's failures; `None` where no attempt failed.
    pub(super) fn into_failure_record(self) -> Option<FailureRecord> {
        let Self { attempts, first_at, last_at, last_error, earlier, .. } = self;
        let cause = self.cause?;
        Some(FailureRecord { cause, attempts, first_at, last_at, last_error, earlier })
    }
}

impl Failures {
    pub(super) fn new(sdk: &Sdk, table: String) -> Self {
        Self { client: Client::new(sdk.config()), table }
    }

    /// The histories of messages, by SQS message id. A message without a readable one is absent.
    pub(super) async fn load(&self, ids: &[&str]) -> HashMap<String, DeliveryHistory> {
        let batches = ids.chunks(BATCH_GET_KEYS_MAX).map(|ids| with_timeout(self.read(ids)));
        let mut histories = HashMap::new();
        for batch in join_all(batches).await {
            match batch {
                Ok(batch) => histories.extend(batch),
                Err(error) => tracing::warn!(
                    %error,
                    "failure records not read, no earlier attempt counts"
                ),
            }
        }
        histories
    }

    async fn read(&self, ids: &[&str]) -> Result<Vec<(String, DeliveryHistory)>, Error> {
        let key = |id: &&str| HashMap::from([(PK.to_owned(), AttributeValue::S(key_of(id)))]);
        let keys = KeysAndAttributes::builder()
            .set_keys(Some(ids.iter().map(key).collect()))
            .consistent_read(true)
            .build()?;
        let request = self.client.batch_get_item().request_items(&self.table, keys);
        let output = request.send().await.map_err(|error| with_sources(&error))?;
        let items = output.responses.into_iter().flatten().flat_map(|(_, items)| items);
        let mut items: HashMap<String, Item> =
            items.filter_map(|item| Some((text(&item, PK)?.to_owned(), item))).collect();
        let histories = ids.iter().filter_map(|id| {
            let key = key_of(id);
            let history = parse(items.remove(&key)?, &key);
            let history = history
                .inspect_err(|error| tracing::warn!(key, %error, "failure record cannot be read"));
            Some(((*id).to_owned(), history.ok()?))
        });
        Ok(histories.collect())
    }

    #[cfg(feature = "operations")]
    /// The histories under these ids. Unlike [`Failures::load`], it fails where they cannot be read.
    pub(super) async fn load_all(
        &self,
        ids: &[&str],
    ) -> Result<HashMap<String, DeliveryHistory>, Error> {
        let batches = ids.chunks(BATCH_GET_KEYS_MAX).map(|ids| self.read(ids));
        let batches = futures_util::future::try_join_all(batches);
        Ok(batches.await?.into_iter().flatten().collect())
    }

    /// Records that an event's message was parked, and what failed before if that is more than was known.
    pub(super) async fn record_parked(
        &self,
        event: &EventId,
        message_id: &str,
        earlier: &[FailedAttempt],
        now: Timestamp,
    ) {
        let mut set = Item::from([(PARKED.to_owned(), AttributeValue::S(message_id.to_owned()))]);
        let recorded = async {
            if !earlier.is_empty() {
                set.insert(EARLIER.to_owned(), serde_dynamo::to_attribute_value(earlier)?);
            }
            self.update_event(event, set, "", now).await
        };
        if let Err(error) = with_timeout(recorded).await {
            tracing::warn!(%event, %error, "parked event not recorded");
        }
    }

    /// Records that an event is redriven, and everything that failed before.
    pub(super) async fn record_redriven(
        &self,
        event: &EventId,
        earlier: &[FailedAttempt],
        now: Timestamp,
    ) -> Result<(), Error> {
        let earlier = serde_dynamo::to_attribute_value(earlier)?;
        let set = Item::from([(EARLIER.to_owned(), earlier)]);
        self.update_event(event, set, PARKED, now).await
    }

    /// Sets attributes of an event's item, and removes one.
    async fn update_event(
        &self,
        event: &EventId,
        mut set: Item,
        remove: &'static str,
        now: Timestamp,
    ) -> Result<(), Error> {
        set.insert(TTL.to_owned(), number(now.plus_days(FAILURE_KEPT_DAYS).as_secs()));
        let mut set = new_item(key_of(event.as_str()), set);
        let key = set.remove_entry(PK).map(|pk| HashMap::from([pk]));
        let update = Update::default().set(set).remove(remove);
        let request = self.client.update_item().table_name(&self.table).set_key(key);
        let updated = request
            .update_expression(update.expression())
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values))
            .send()
            .await;
        updated.map(drop).map_err(|error| with_sources(&error))
    }

    /// Records that a delivery failed.
    pub(super) async fn record_failure(
        &self,
        id: &str,
        handle: &str,
        failure: &Failure,
        now: Timestamp,
    ) {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let set = Item::from([
            ("cause".to_owned(), text(failure.cause.as_str())),
            ("last_error".to_owned(), text(&failure.error)),
            ("last_at".to_owned(), number(now.as_micros())),
        ]);
        let set_if_absent = Item::from([("first_at".to_owned(), number(now.as_micros()))]);
        if let Err(error) = with_timeout(self.update(id, handle, set, set_if_absent, now)).await {
            tracing::warn!(message = id, %error, "failure record not written");
        }
    }

    async fn update(
        &self,
        id: &str,
        handle: &str,
        mut set: Item,
        set_if_absent: Item,
        now: Timestamp,
    ) -> Result<(), Error> {
        set.insert(MARK.to_owned(), AttributeValue::S(delivery_mark(handle)));
        set.insert(TTL.to_owned(), number(now.plus_days(FAILURE_KEPT_DAYS).as_secs()));
        let mut set = new_item(key_of(id), set);
        let key = set.remove_entry(PK).map(|pk| HashMap::from([pk]));
        let update = Update::default().set(set).set_if_absent(set_if_absent);
        let update = update.increment("attempts").unless_equal(MARK);
        let request = self.client.update_item().table_name(&self.table).set_key(key);
        let updated = request
            .update_expression(update.expression())
            .condition_expression(update.condition)
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values))
            .send()
            .await;
        match updated {
            Ok(_) => Ok(()),
            // This delivery was counted before, by a request whose response was lost.
            Err(error) if is_condition_failed(&error) => Ok(()),
            Err(error) => Err(with_sources(&error)),
        }
    }
}

fn parse(item: Item, key: &str) -> Result<DeliveryHistory, Error> {
    check_item(&item, key)?;
    Ok(serde_dynamo::from_item(item)?)
}

fn is_condition_failed(error: &SdkError<UpdateItemError>) -> bool {
    error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception)
}

async fn with_timeout<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let timeout = Duration::from_millis(FAILURE_RECORD_TIMEOUT_MS);
    tokio::time::timeout(timeout, work).await.unwrap_or_else(|elapsed| Err(elapsed.into()))
}

fn key_of(id: &str) -> String {
    format!("FAILURE#{id}")
}

/// A short mark of a delivery, made from its receipt handle, which is long.
fn delivery_mark(handle: &str) -> String {
    let digest: Vec<u8> = Sha256::digest(handle).into_iter().take(MARK_BYTES).collect();
    hex::encode(digest)
}
