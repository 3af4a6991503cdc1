//! A message as SQS carries it: the webhook's body, and attributes that describe it.

use std::collections::HashMap;

use aws_sdk_sqs::{primitives::Blob, types::MessageAttributeValue};
use tierlift_core::{
    codes::Code, failure::FailureRecord, limits::SQS_ATTRIBUTES_MAX, ports::Message,
    time::Timestamp,
};

use super::text::{is_allowed, to_body};

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

/// Body and attributes of an SQS message.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    pub(super) body: String,
    pub(super) attributes: Attributes,
}

/// How much of its failure record a dead letter carries. SQS limits the size of a message, and the body
/// matters more than the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// The whole record.
    Full,
    /// All but the error message.
    WithoutError,
    /// The cause.
    CauseOnly,
    /// Nothing.
    Empty,
}

impl Detail {
    /// The next smaller one.
    pub(super) const fn reduced(self) -> Option<Self> {
        match self {
            Self::Full => Some(Self::WithoutError),
            Self::WithoutError => Some(Self::CauseOnly),
            Self::CauseOnly => Some(Self::Empty),
            Self::Empty => None,
        }
    }
}

impl Envelope {
    /// The envelope of a message.
    pub(super) fn new(message: &Message) -> Self {
        let received_at = message.received_at.as_micros().to_string();
        let mut attributes = Attributes::new();
        insert(&mut attributes, EVENT, text(message.event.as_str()));
        insert(&mut attributes, TYPE, text(message.kind.as_str()));
        insert(&mut attributes, GROUP, text(&message.group.0));
        insert(&mut attributes, RECEIVED_AT, number(received_at));
        insert(&mut attributes, TRACE, message.trace.as_deref().and_then(text));
        Self { body: to_body(&message.body), attributes }
    }

    /// The same with a failure record, as far as SQS allows more attributes.
    pub(super) fn with_failure(&self, record: &FailureRecord, detail: Detail) -> Self {
        let mut envelope = self.clone();
        for (name, value) in failure_attributes(record, detail) {
            let attributes = &mut envelope.attributes;
            if attributes.contains_key(name) || attributes.len() < SQS_ATTRIBUTES_MAX {
                insert(attributes, name, value);
            }
        }
        envelope
    }
}

/// The attributes of a failure record, the most important first.
fn failure_attributes(
    record: &FailureRecord,
    detail: Detail,
) -> Vec<(&'static str, Option<MessageAttributeValue>)> {
    let micros = |at: Timestamp| number(at.as_micros().to_string());
    let mut attributes = vec![
        (CAUSE, text(record.cause.as_str())),
        (ATTEMPTS, number(record.attempts.to_string())),
        (FIRST_AT, micros(record.first_at)),
        (LAST_AT, micros(record.last_at)),
        (LAST_ERROR, text(&record.last_error)),
    ];
    attributes.truncate(match detail {
        Detail::Full => 5,
        Detail::WithoutError => 4,
        Detail::CauseOnly => 1,
        Detail::Empty => 0,
    });
    attributes
}

/// The failure record of a dead letter; `None` where it has no cause. Fields that did not fit get the
/// smallest value that is true: one attempt, at the time when the dead letter was sent.
pub(super) fn parse_failure(attributes: &Attributes, sent_at: Timestamp) -> Option<FailureRecord> {
    let time = |name| text_attribute(attributes, name)?.parse().ok().map(Timestamp::from_micros);
    let attempts = text_attribute(attributes, ATTEMPTS).and_then(|text| text.parse().ok());
    Some(FailureRecord {
        cause: Code::parse(&text_attribute(attributes, CAUSE)?)?,
        attempts: attempts.unwrap_or(1),
        first_at: time(FIRST_AT).unwrap_or(sent_at),
        last_at: time(LAST_AT).unwrap_or(sent_at),
        last_error: text_attribute(attributes, LAST_ERROR).unwrap_or_default(),
        earlier: Vec::new(),
    })
}

/// The text of an attribute.
pub(super) fn text_attribute(attributes: &Attributes, name: &str) -> Option<String> {
    let value = attributes.get(name)?;
    match value.binary_value() {
        Some(bytes) => String::from_utf8(bytes.as_ref().to_vec()).ok(),
        None => value.string_value().map(str::to_owned),
    }
}

fn insert(attributes: &mut Attributes, name: &str, value: Option<MessageAttributeValue>) {
    if let Some(value) = value {
        attributes.insert(name.to_owned(), value);
    }
}

/// A text as an attribute: as bytes where it has characters that SQS refuses, and none where it is
/// empty, because an attribute must not be empty.
fn text(text: &str) -> Option<MessageAttributeValue> {
    let value = MessageAttributeValue::builder();
    let value = if is_allowed(text) {
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
