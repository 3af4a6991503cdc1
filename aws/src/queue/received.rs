//! A message as SQS returns it, from a receive or in the event of a Lambda function, and the message of
//! the port that it carries.

use std::collections::HashMap;

use aws_lambda_events::sqs::{SqsMessage, SqsMessageAttribute};
use aws_sdk_sqs::{
    primitives::Blob,
    types::{Message as SdkMessage, MessageAttributeValue, MessageSystemAttributeName},
};
use tierlift_core::{
    id::EventId,
    ports::{Group, Message, Receipt},
    stripe::event::{Head, Type},
    time::Timestamp,
};

use super::{
    envelope::{self, Attributes, Envelope, text_attribute},
    text::from_body,
};

/// Separates message id and receipt handle in a [`Receipt`]. Neither can contain it.
const RECEIPT_SEPARATOR: char = ' ';

/// A message that is invisible to other consumers until its delivery is settled.
#[derive(Clone, Debug)]
pub(super) struct ReceivedMessage {
    /// SQS message id, the same for every delivery of the message.
    pub(super) id: String,
    /// Receipt handle used to settle this delivery.
    pub(super) handle: String,
    /// Number of deliveries so far, this one included.
    pub(super) receive_count: u32,
    /// Time at which the message was sent.
    pub(super) sent_at: Timestamp,
    /// The message group id.
    pub(super) group: String,
    pub(super) envelope: Envelope,
}

impl ReceivedMessage {
    /// A message of a receive.
    pub(super) fn from_receive(message: SdkMessage) -> Self {
        let system = message.attributes.unwrap_or_default();
        let attribute = |name| system.get(&name).map(String::as_str);
        Self {
            receive_count: receive_count(attribute(
                MessageSystemAttributeName::ApproximateReceiveCount,
            )),
            sent_at: sent_at(attribute(MessageSystemAttributeName::SentTimestamp)),
            group: attribute(MessageSystemAttributeName::MessageGroupId)
                .unwrap_or_default()
                .to_owned(),
            id: message.message_id.unwrap_or_default(),
            handle: message.receipt_handle.unwrap_or_default(),
            envelope: Envelope {
                body: message.body.unwrap_or_default(),
                attributes: message.message_attributes.unwrap_or_default(),
            },
        }
    }

    /// A message of the event that Lambda passes to a function.
    pub(super) fn from_lambda(message: SqsMessage) -> Self {
        let attribute = |name| message.attributes.get(name).map(String::as_str);
        Self {
            receive_count: receive_count(attribute("ApproximateReceiveCount")),
            sent_at: sent_at(attribute("SentTimestamp")),
            group: attribute("MessageGroupId").unwrap_or_default().to_owned(),
            id: message.message_id.unwrap_or_default(),
            handle: message.receipt_handle.unwrap_or_default(),
            envelope: Envelope {
                body: message.body.unwrap_or_default(),
                attributes: attributes(message.message_attributes),
            },
        }
    }

    /// The receipt of this delivery: message id and receipt handle.
    pub(super) fn receipt(&self) -> Receipt {
        Receipt(format!("{}{RECEIPT_SEPARATOR}{}", self.id, self.handle))
    }

    /// The message that it carries; `None` where it is not recognized.
    pub(super) fn message(&self) -> Option<Message> {
        self.enqueued_message().or_else(|| self.bare_webhook())
    }

    /// A message that [`Envelope::new`] made.
    fn enqueued_message(&self) -> Option<Message> {
        let attribute = |name| text_attribute(&self.envelope.attributes, name);
        Some(Message {
            event: EventId::new(&attribute(envelope::EVENT)?).ok()?,
            kind: Type::parse(&attribute(envelope::TYPE)?)?,
            group: Group(attribute(envelope::GROUP)?.into()),
            received_at: Timestamp::from_micros(attribute(envelope::RECEIVED_AT)?.parse().ok()?),
            trace: attribute(envelope::TRACE),
            body: from_body(&self.envelope.body)?,
        })
    }

    /// The body of a webhook without tierlift's attributes, sent by another program or by hand.
    fn bare_webhook(&self) -> Option<Message> {
        let body = from_body(&self.envelope.body)?;
        // Nobody checked it, so it counts only if it is of the own account.
        match Head::parse(&body, &[]).ok()? {
            Head::Wanted { id, kind, customer } => Some(Message {
                group: Group::new(&id, customer.as_ref()),
                event: id,
                kind,
                received_at: self.sent_at,
                trace: None,
                body,
            }),
            Head::Ignored { .. } => None,
        }
    }
}

/// The SQS message id and the receipt handle of a receipt. A receipt of another queue has no id, and
/// SQS refuses its handle.
pub(super) fn id_and_handle(receipt: &Receipt) -> (&str, &str) {
    receipt.0.split_once(RECEIPT_SEPARATOR).unwrap_or(("", &receipt.0))
}

fn receive_count(attribute: Option<&str>) -> u32 {
    attribute.and_then(|count| count.parse().ok()).unwrap_or(1)
}

fn sent_at(attribute: Option<&str>) -> Timestamp {
    Timestamp::from_millis(attribute.and_then(|millis| millis.parse().ok()).unwrap_or(0))
}

/// The attributes as SDK types, so that an unrecognized message can be parked unchanged.
fn attributes(from_lambda: HashMap<String, SqsMessageAttribute>) -> Attributes {
    from_lambda.into_iter().filter_map(|(name, value)| Some((name, attribute(value)?))).collect()
}

fn attribute(value: SqsMessageAttribute) -> Option<MessageAttributeValue> {
    MessageAttributeValue::builder()
        .set_data_type(value.data_type)
        .set_string_value(value.string_value)
        .set_binary_value(value.binary_value.map(|bytes| Blob::new(bytes.0)))
        .build()
        .ok()
}
