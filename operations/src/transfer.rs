//! What leaves and enters as lines of a file: dead letters, to be looked at or redriven elsewhere, and events, which are
//! replayed as if they had just come.
//!
//! A line holds what Stripe sent, personal data included, so these are for the owner of the data alone.

use serde::{Deserialize, Serialize};
use tierlift_core::{
    codes::Code,
    decide::act_alone,
    failure::FailureRecord,
    id::EventId,
    ledger::{LedgerEntry, SystemEvent},
    limits::{DEAD_LETTERS_PAGE_MAX, ID_BYTES_MAX, WEBHOOK_BODY_BYTES_MAX},
    ports::{DeadLetter, Enqueue, Enqueued, Group, Message},
    stripe::{
        self,
        event::{Head, Type},
    },
    time::Timestamp,
};

use crate::{Backend, Desk, Error, Filter, Signed};

/// A dead letter as a line of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Line {
    /// The event.
    pub event: EventId,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Type,
    /// Its customer, or the event itself if it has none.
    pub group: String,
    /// Time at which the webhook arrived, in microseconds since the epoch.
    pub received_at_micros: i64,
    /// W3C `traceparent` of the request, if it had one.
    pub trace: Option<String>,
    /// The record of its failed attempts.
    pub failure: FailureRecord,
    /// What Stripe sent, unchanged.
    pub body: Body,
}

/// The bytes of a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Body {
    /// They are text.
    Text(String),
    /// They are none, in hexadecimal digits.
    Hex(String),
}

/// A page of lines.
#[derive(Debug, Serialize)]
pub struct Lines {
    /// The lines.
    pub lines: Vec<Line>,
    /// Where to go on; nothing at the end.
    pub next: Option<String>,
}

/// What became of lines that came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// Added.
    pub added: usize,
    /// Known already: in the queue, a dead letter, discarded or applied.
    pub known: usize,
    /// Events that bear on no access.
    pub ignored: usize,
}

/// Events that are replayed, each as Stripe sent it.
#[derive(Clone, Debug, Deserialize)]
pub struct Replay {
    /// The events.
    pub events: Vec<String>,
    /// Who does it, and why.
    #[serde(flatten)]
    pub signed: Signed,
}

impl From<&DeadLetter> for Line {
    fn from(DeadLetter { message, failure }: &DeadLetter) -> Self {
        let body = match std::str::from_utf8(&message.body) {
            Ok(text) => Body::Text(text.to_owned()),
            Err(_) => Body::Hex(hex::encode(&message.body)),
        };
        Self {
            event: message.event.clone(),
            kind: message.kind,
            group: message.group.0.to_string(),
            received_at_micros: message.received_at.as_micros(),
            trace: message.trace.clone(),
            failure: failure.clone(),
            body,
        }
    }
}

impl TryFrom<Line> for DeadLetter {
    type Error = Error;

    fn try_from(line: Line) -> Result<Self, Error> {
        let Line { event, kind, group, received_at_micros, trace, failure, body } = line;
        let invalid = |error: &dyn std::fmt::Display| Error::Invalid(format!("{event}: {error}"));
        let body = match body {
            Body::Text(text) => text.into_bytes(),
            Body::Hex(digits) => hex::decode(digits).map_err(|error| invalid(&error))?,
        };
        if body.len() > WEBHOOK_BODY_BYTES_MAX {
            return Err(invalid(&"the body is larger than a webhook"));
        }
        if group.is_empty() || group.len() > ID_BYTES_MAX {
            return Err(invalid(&"the group is no id"));
        }
        if !failure.is_within_limits() {
            return Err(invalid(&"the failures are longer than they are kept"));
        }
        let received_at = Timestamp::from_micros(received_at_micros);
        let group = Group(group.into());
        let message = Message { event, kind, group, received_at, trace, body: body.into() };
        Ok(Self { message, failure })
    }
}

impl<B: Backend> Desk<B> {
    /// Adds dead letters. All lines are read before the first is added.
    pub async fn import_dead_letters(
        &self,
        lines: Vec<Line>,
        signed: &Signed,
    ) -> Result<Taken, Error> {
        let act = signed.act()?;
        let dead_letters: Vec<DeadLetter> =
            lines.into_iter().map(DeadLetter::try_from).collect::<Result<_, _>>()?;
        let (count, now) = (dead_letters.len(), self.clock.now());
        let subject = count.to_string();
        let entry = LedgerEntry::for_act(SystemEvent::Imported, &subject, act, now);
        let entry = entry.ok_or_else(|| Error::Invalid(subject))?;
        let added = self.backend.import_dead_letters(dead_letters, entry).await?;
        Ok(Taken { added, known: count.saturating_sub(added), ignored: 0 })
    }

    /// A page of the dead letters that a filter means, oldest first, as lines. The larger their bodies, the fewer.
    pub async fn export(&self, filter: &Filter, after: Option<&str>) -> Result<Lines, Error> {
        let page = self.backend.dead_letters(after, None, DEAD_LETTERS_PAGE_MAX).await?;
        let mut lines = Vec::new();
        for one in &page.items {
            if self.admits(filter, one).await? {
                lines.push(one.into());
            }
        }
        Ok(Lines { lines, next: page.next })
    }
}

impl<B: Backend + Enqueue> Desk<B> {
    /// Enqueues events as if Stripe had just sent them. An event that was applied before changes nothing. All of them
    /// are read before the first is enqueued, so that a wrong line changes nothing either.
    pub async fn replay(&self, replay: &Replay, accounts: &[String]) -> Result<Taken, Error> {
        let act = replay.signed.act()?;
        let now = self.clock.now();
        let read = |(index, body): (usize, &String)| {
            let invalid = |error: &dyn std::fmt::Display| {
                Error::Invalid(format!("event {}: {}: {error}", index + 1, Code::PayloadMalformed))
            };
            if body.len() > WEBHOOK_BODY_BYTES_MAX {
                return Err(invalid(&"larger than a webhook"));
            }
            message(body, accounts, now).map_err(|error| invalid(&error))
        };
        let messages: Vec<_> =
            replay.events.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        let subject = messages.len().to_string();
        let commit = act_alone(SystemEvent::Replayed, &subject, act, now);
        self.backend.commit(commit.ok_or_else(|| Error::Invalid(subject))?).await?;
        let mut taken = Taken::default();
        for message in messages {
            let Some(message) = message else {
                taken.ignored += 1;
                continue;
            };
            if self.backend.ledger(&message.event).await?.is_some() {
                taken.known += 1;
                continue;
            }
            match self.backend.enqueue(message).await? {
                Enqueued::Queued => taken.added += 1,
                Enqueued::Duplicate => taken.known += 1,
            }
        }
        Ok(taken)
    }
}

/// The message of an event; none if it cannot bear on access.
pub(crate) fn message(
    body: &str,
    accounts: &[String],
    received_at: Timestamp,
) -> Result<Option<Message>, stripe::Error> {
    let Head::Wanted { id, kind, customer } = Head::parse(body.as_bytes(), accounts)? else {
        return Ok(None);
    };
    let group = Group::new(&id, customer.as_ref());
    let body = body.to_owned().into();
    Ok(Some(Message { event: id, kind, group, received_at, trace: None, body }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letter_survives_a_file_byte_for_byte() {
        for body in [&b"{\"id\": \"evt_1\"}\n"[..], b"\xff\x00"] {
            let dead_letter = DeadLetter {
                message: Message {
                    event: EventId::new("evt_1").unwrap(),
                    kind: Type::InvoicePaid,
                    group: Group("cus_1".into()),
                    received_at: Timestamp::from_micros(1_795_000_000_123_456),
                    trace: None,
                    body: body.into(),
                },
                failure: FailureRecord::after(
                    None,
                    tierlift_core::failure::Failure::new(Code::PlanUnmapped, &"no plan"),
                    Timestamp::from_secs(1_795_000_001),
                ),
            };
            let text = serde_json::to_string(&Line::from(&dead_letter)).unwrap();
            let line: Line = serde_json::from_str(&text).unwrap();
            assert_eq!(DeadLetter::try_from(line).unwrap(), dead_letter, "{text}");
        }
    }
}
