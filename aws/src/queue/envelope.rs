//! A message of ours as SQS carries it: the body, and attributes that say what it is.

use std::collections::HashMap;

use aws_sdk_sqs::{primitives::Blob, types::MessageAttributeValue};
use tierlift_core::{codes::Code, failure::FailureRecord, ports::Message, time::Timestamp};

use super::text::{is_carried, to_body};

/// Attributes that a message may have
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>).
/// A dead letter of ours has all of them.
const ATTRIBUTES_MAX: usize = 10;

pub(super) const EVENT: &str = "event";
pub(super) const TYPE: &str = "type";
pub(super) const GROUP: &str = "group";
pub(super) const RECEIVED_AT: &str = "received_at";
pub(super) const TRACE: &str = "traceparent";
const CAUSE: &str = "cause";
const ATTEMPTS: &str = "attempts";
const FIRST_AT: &str = "first_at";
const LAST_AT: &str = "last_at";
const LAST_ERROR: &str = "last_error";

/// The attributes of a message, by name.
pub(super) type Attributes = HashMap<String, MessageAttributeValue>;

/// What is sent.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    pub(super) body: String,
    pub(super) attributes: Attributes,
}

/// How much a dead letter says of its failure. A letter must fit into the queue, and the body
/// matters more than what we say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    Everything,
    WithoutWords,
    CauseAlone,
    Nothing,
}

impl Detail {
    /// From the most to the least.
    pub(super) const ALL: [Self; 4] =
        [Self::Everything, Self::WithoutWords, Self::CauseAlone, Self::Nothing];
}

impl Envelope {
    /// A message.
    pub(super) fn of(message: &Message) -> Self {
        let received_at = message.received_at.as_micros().to_string();
        let mut attributes = Attributes::new();
        put(&mut attributes, EVENT, text(message.event.as_str()));
        put(&mut attributes, TYPE, text(message.kind.as_str()));
        put(&mut attributes, GROUP, text(&message.group.0));
        put(&mut attributes, RECEIVED_AT, number(received_at));
        put(&mut attributes, TRACE, message.trace.as_deref().and_then(text));
        Self { body: to_body(&message.body), attributes }
    }

    /// The same with what is known of its failure, as far as there is room for it.
    pub(super) fn failed(&self, record: &FailureRecord, detail: Detail) -> Self {
        let mut failed = self.clone();
        for (name, value) in said(record, detail) {
            if failed.attributes.contains_key(name) || failed.attributes.len() < ATTRIBUTES_MAX {
                put(&mut failed.attributes, name, value);
            }
        }
        failed
    }
}

/// The most important first.
fn said(
    record: &FailureRecord,
    detail: Detail,
) -> Vec<(&'static str, Option<MessageAttributeValue>)> {
    let micros = |at: Timestamp| number(at.as_micros().to_string());
    let mut said = vec![
        (CAUSE, text(record.cause.as_str())),
        (ATTEMPTS, number(record.attempts.to_string())),
        (FIRST_AT, micros(record.first_at)),
        (LAST_AT, micros(record.last_at)),
        (LAST_ERROR, text(&record.last_error)),
    ];
    said.truncate(match detail {
        Detail::Everything => 5,
        Detail::WithoutWords => 4,
        Detail::CauseAlone => 1,
        Detail::Nothing => 0,
    });
    said
}

/// What a dead letter that was sent at that time says of its failure; `None` where it names no
/// cause. What it had no room for is the least that is true.
pub(super) fn failure_of(attributes: &Attributes, sent_at: Timestamp) -> Option<FailureRecord> {
    let code = text_of(attributes, CAUSE)?;
    let at = |name| text_of(attributes, name)?.parse().ok().map(Timestamp::from_micros);
    Some(FailureRecord {
        cause: *Code::ALL.iter().find(|cause| cause.as_str() == code)?,
        attempts: text_of(attributes, ATTEMPTS).and_then(|text| text.parse().ok()).unwrap_or(1),
        first_at: at(FIRST_AT).unwrap_or(sent_at),
        last_at: at(LAST_AT).unwrap_or(sent_at),
        last_error: text_of(attributes, LAST_ERROR).unwrap_or_default(),
    })
}

/// An attribute's text.
pub(super) fn text_of(attributes: &Attributes, name: &str) -> Option<String> {
    let value = attributes.get(name)?;
    match value.binary_value() {
        Some(bytes) => String::from_utf8(bytes.as_ref().to_vec()).ok(),
        None => value.string_value().map(str::to_owned),
    }
}

fn put(attributes: &mut Attributes, name: &str, value: Option<MessageAttributeValue>) {
    if let Some(value) = value {
        attributes.insert(name.to_owned(), value);
    }
}

/// An attribute must not be empty; and what SQS refuses as text, it takes as bytes.
fn text(text: &str) -> Option<MessageAttributeValue> {
    let value = MessageAttributeValue::builder();
    let value = if is_carried(text) {
        value.data_type("String").string_value(text)
    } else if text.is_empty() {
        return None;
    } else {
        value.data_type("Binary").binary_value(Blob::new(text))
    };
    value.build().ok()
}

fn number(digits: String) -> Option<MessageAttributeValue> {
    MessageAttributeValue::builder().data_type("Number").string_value(digits).build().ok()
}
