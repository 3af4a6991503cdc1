//! What the table remembers of a message's deliveries: how often it failed and why, and how often it
//! was put back untried. SQS counts deliveries, and knows nothing of their ends.
//!
//! Each end is counted once, however often it is told: it carries the mark of its delivery. It
//! refuses to matter more than the message: a table that is away or slow costs the record, not the
//! message its turn.

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
    failure::{Failure, FailureRecord},
    limits::{FAILURE_KEPT_DAYS, FAILURE_RECORD_TIMEOUT_MS},
    time::Timestamp,
};

use crate::{
    Sdk,
    sdk::words,
    store::{Item, PK, TTL, check, framed, number, text},
};

/// So much of a digest marks a delivery.
const MARK_BYTES: usize = 12;
/// Keys of one `BatchGetItem`
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>).
const BATCH_GET_MAX: usize = 100;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The records of failures in the table.
#[derive(Clone, Debug)]
pub(super) struct Failures {
    client: Client,
    table: String,
}

/// What is known of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Known {
    /// Deliveries that nobody tried.
    pub(super) released: u32,
    attempts: u32,
    cause: Option<Code>,
    first_at: Timestamp,
    last_at: Timestamp,
    last_error: String,
}

impl Known {
    /// Its failures, if there were any.
    pub(super) fn record(self) -> Option<FailureRecord> {
        let Self { attempts, first_at, last_at, last_error, .. } = self;
        Some(FailureRecord { cause: self.cause?, attempts, first_at, last_at, last_error })
    }
}

impl Failures {
    pub(super) fn new(sdk: &Sdk, table: String) -> Self {
        Self { client: Client::new(sdk.config()), table }
    }

    /// What is known of these messages, by their ids. Of those that are absent nothing is.
    pub(super) async fn known(&self, ids: &[&str]) -> HashMap<String, Known> {
        let reads = join_all(ids.chunks(BATCH_GET_MAX).map(|ids| in_time(self.read(ids)))).await;
        let mut known = HashMap::new();
        for read in reads {
            match read {
                Ok(read) => known.extend(read),
                Err(error) => tracing::warn!(
                    %error,
                    "records of failures cannot be read; deliveries count as attempts"
                ),
            }
        }
        known
    }

    async fn read(&self, ids: &[&str]) -> Result<Vec<(String, Known)>, Error> {
        let key = |id: &&str| HashMap::from([(PK.to_owned(), AttributeValue::S(key_of(id)))]);
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(ids.iter().map(key).collect()))
            .consistent_read(true)
            .build()?;
        let request = self.client.batch_get_item().request_items(&self.table, wanted);
        let answer = request.send().await.map_err(|error| words(&error))?;
        let items = answer.responses.into_iter().flatten().flat_map(|(_, items)| items);
        let mut known: HashMap<String, Item> =
            items.filter_map(|item| Some((text(&item, PK)?.to_owned(), item))).collect();
        let known = ids.iter().filter_map(|id| {
            let key = key_of(id);
            let item = known.remove(&key)?;
            check(&item, &key)
                .map_err(Error::from)
                .and_then(|()| Ok(serde_dynamo::from_item(item)?))
                .inspect_err(|error| tracing::warn!(key, %error, "a record cannot be read"))
                .ok()
                .map(|known| ((*id).to_owned(), known))
        });
        Ok(known.collect())
    }

    /// A delivery of a message failed.
    pub(super) async fn failed(&self, id: &str, handle: &str, failure: &Failure, now: Timestamp) {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let set = Item::from([
            ("cause".to_owned(), text(failure.cause.as_str())),
            ("last_error".to_owned(), text(&failure.error)),
            ("last_at".to_owned(), number(now.as_micros())),
        ]);
        let once = Item::from([("first_at".to_owned(), number(now.as_micros()))]);
        self.count(id, handle, End { counter: "attempts", mark: "failed_by", set, once }, now)
            .await;
    }

    /// A delivery of a message was put back untried.
    pub(super) async fn released(&self, id: &str, handle: &str, now: Timestamp) {
        let (set, once) = (Item::new(), Item::new());
        let end = End { counter: "released", mark: "released_by", set, once };
        self.count(id, handle, end, now).await;
    }

    async fn count(&self, id: &str, handle: &str, end: End, now: Timestamp) {
        if let Err(error) = in_time(self.update(id, handle, end, now)).await {
            tracing::warn!(message = id, %error, "the record of a failure is not written");
        }
    }

    async fn update(&self, id: &str, handle: &str, end: End, now: Timestamp) -> Result<(), Error> {
        let End { counter, mark, mut set, once } = end;
        set.insert(mark.to_owned(), AttributeValue::S(mark_of(handle)));
        set.insert(TTL.to_owned(), number(now.plus_days(FAILURE_KEPT_DAYS).as_secs()));
        let mut set = framed(key_of(id), set);
        let key = set.remove_entry(PK).map(|pk| HashMap::from([pk]));
        let update = Update::default().set(set).set_once(once).add_one(counter).unless_said(mark);
        let request = self.client.update_item().table_name(&self.table).set_key(key);
        let updated = request
            .update_expression(format!("SET {} ADD {}", update.sets.join(", "), update.adds))
            .condition_expression(update.condition)
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values))
            .send()
            .await;
        match updated {
            Ok(_) => Ok(()),
            // It was counted before, and the answer was lost.
            Err(error) if is_counted(&error) => Ok(()),
            Err(error) => Err(words(&error)),
        }
    }
}

/// How a delivery ended.
struct End {
    /// Goes up by one.
    counter: &'static str,
    /// Where the mark of the delivery stands.
    mark: &'static str,
    /// Is set.
    set: Item,
    /// Is set where there is nothing yet.
    once: Item,
}

/// The parts of an update: DynamoDB reserves words, so every name has a placeholder.
#[derive(Default)]
struct Update {
    sets: Vec<String>,
    adds: String,
    condition: String,
    names: HashMap<String, String>,
    values: Item,
}

impl Update {
    fn set(mut self, item: Item) -> Self {
        for (attribute, value) in item {
            let (name, value) = (self.name(&attribute), self.value(&attribute, value));
            self.sets.push(format!("{name} = {value}"));
        }
        self
    }

    fn set_once(mut self, item: Item) -> Self {
        for (attribute, value) in item {
            let (name, value) = (self.name(&attribute), self.value(&attribute, value));
            self.sets.push(format!("{name} = if_not_exists({name}, {value})"));
        }
        self
    }

    fn add_one(mut self, attribute: &str) -> Self {
        let (name, value) = (self.name(attribute), self.value(attribute, number(1)));
        self.adds = format!("{name} {value}");
        self
    }

    /// Only if the attribute does not have the value already to which it is set here.
    fn unless_said(mut self, attribute: &str) -> Self {
        let name = self.name(attribute);
        self.condition = format!("attribute_not_exists({name}) OR {name} <> :{attribute}");
        self
    }

    fn name(&mut self, attribute: &str) -> String {
        let name = format!("#{attribute}");
        self.names.insert(name.clone(), attribute.to_owned());
        name
    }

    fn value(&mut self, attribute: &str, value: AttributeValue) -> String {
        let name = format!(":{attribute}");
        self.values.insert(name.clone(), value);
        name
    }
}

/// The delivery's mark stands there already.
fn is_counted(error: &SdkError<UpdateItemError>) -> bool {
    error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception)
}

async fn in_time<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let time = Duration::from_millis(FAILURE_RECORD_TIMEOUT_MS);
    tokio::time::timeout(time, work).await.unwrap_or_else(|late| Err(late.into()))
}

fn key_of(id: &str) -> String {
    format!("FAILURE#{id}")
}

/// A delivery's own mark. The handle itself is long.
fn mark_of(handle: &str) -> String {
    let digest: Vec<u8> = Sha256::digest(handle).into_iter().take(MARK_BYTES).collect();
    hex::encode(digest)
}
