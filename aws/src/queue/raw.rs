//! A message as it came out of SQS, by a receive or in a Lambda's event; and what it is to us.

use std::collections::HashMap;

use aws_lambda_events::sqs::{SqsMessage, SqsMessageAttribute};
use aws_sdk_sqs::{
    primitives::Blob,
    types::{Message as Received, MessageAttributeValue, MessageSystemAttributeName},
};
use tierlift_core::{
    id::EventId,
    ports::{Group, Message, Receipt},
    stripe::event::{Head, Type},
    time::Timestamp,
};

use super::{
    envelope::{self, Attributes, Envelope, text_of},
    text::from_body,
};

/// Neither can contain it.
const BETWEEN_ID_AND_HANDLE: char = ' ';

/// A message that is invisible to others until it is answered for.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    /// SQS's id of the message: the same at each delivery.
    pub(super) id: String,
    /// By which this delivery is answered for.
    pub(super) handle: String,
    /// How often it was delivered.
    pub(super) receives: u32,
    /// When it was sent.
    pub(super) sent_at: Timestamp,
    /// In which group SQS has it.
    pub(super) group: String,
    pub(super) envelope: Envelope,
}

impl Raw {
    /// Out of a receive.
    pub(super) fn received(message: Received) -> Self {
        let system = message.attributes.unwrap_or_default();
        let said = |name| system.get(&name).map(String::as_str);
        Self {
            receives: receives(said(MessageSystemAttributeName::ApproximateReceiveCount)),
            sent_at: sent_at(said(MessageSystemAttributeName::SentTimestamp)),
            group: said(MessageSystemAttributeName::MessageGroupId).unwrap_or_default().to_owned(),
            id: message.message_id.unwrap_or_default(),
            handle: message.receipt_handle.unwrap_or_default(),
            envelope: Envelope {
                body: message.body.unwrap_or_default(),
                attributes: message.message_attributes.unwrap_or_default(),
            },
        }
    }

    /// Out of a Lambda's event.
    pub(super) fn handed(message: SqsMessage) -> Self {
        let said = |name| message.attributes.get(name).map(String::as_str);
        Self {
            receives: receives(said("ApproximateReceiveCount")),
            sent_at: sent_at(said("SentTimestamp")),
            group: said("MessageGroupId").unwrap_or_default().to_owned(),
            id: message.message_id.unwrap_or_default(),
            handle: message.receipt_handle.unwrap_or_default(),
            envelope: Envelope {
                body: message.body.unwrap_or_default(),
                attributes: attributes(message.message_attributes),
            },
        }
    }

    /// By which the delivery is answered for, and its message found in the table.
    pub(super) fn receipt(&self) -> Receipt {
        Receipt(format!("{}{BETWEEN_ID_AND_HANDLE}{}", self.id, self.handle))
    }

    /// What was sent, if we can read it.
    pub(super) fn message(&self) -> Option<Message> {
        self.ours().or_else(|| self.webhook())
    }

    /// What [`Envelope::of`] made.
    fn ours(&self) -> Option<Message> {
        let said = |name| text_of(&self.envelope.attributes, name);
        Some(Message {
            event: EventId::new(&said(envelope::EVENT)?).ok()?,
            kind: Type::parse(&said(envelope::TYPE)?)?,
            group: Group(said(envelope::GROUP)?.into()),
            received_at: Timestamp::from_micros(said(envelope::RECEIVED_AT)?.parse().ok()?),
            trace: said(envelope::TRACE),
            body: from_body(&self.envelope.body)?,
        })
    }

    /// Somebody put the bare body of a webhook into the queue.
    fn webhook(&self) -> Option<Message> {
        let body = from_body(&self.envelope.body)?;
        match Head::parse(&body).ok()? {
            Head::Wanted { id, kind, customer } => Some(Message {
                group: Group::new(&id, customer.as_ref()),
                event: id,
                kind,
                received_at: self.sent_at,
                trace: None,
                body,
            }),
            Head::Ignored => None,
        }
    }
}

/// The two parts of a receipt: SQS's id of the message, and the handle of the delivery. A receipt
/// that is not ours answers for nothing.
pub(super) fn parts(receipt: &Receipt) -> (&str, &str) {
    receipt.0.split_once(BETWEEN_ID_AND_HANDLE).unwrap_or(("", &receipt.0))
}

fn receives(said: Option<&str>) -> u32 {
    said.and_then(|count| count.parse().ok()).unwrap_or(1)
}

fn sent_at(said: Option<&str>) -> Timestamp {
    Timestamp::from_millis(said.and_then(|millis| millis.parse().ok()).unwrap_or(0))
}

/// The attributes as the SDK has them, so that what is moved on is moved as it is.
fn attributes(handed: HashMap<String, SqsMessageAttribute>) -> Attributes {
    handed.into_iter().filter_map(|(name, value)| Some((name, attribute(value)?))).collect()
}

fn attribute(value: SqsMessageAttribute) -> Option<MessageAttributeValue> {
    MessageAttributeValue::builder()
        .set_data_type(value.data_type)
        .set_string_value(value.string_value)
        .set_binary_value(value.binary_value.map(|bytes| Blob::new(bytes.0)))
        .build()
        .ok()
}
