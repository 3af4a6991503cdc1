//! An observation: what Stripe's API answered about one object, in an envelope of tierlift's own, so that it
//! goes through the queue like an event.
//!
//! Stripe's part of it is untouched. Its id is a function of its content, so the same answer enqueued
//! twice is a duplicate. No webhook is an observation: [`Head`](super::event::Head) accepts none.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    error::Error,
    fact::Parsed,
    head::ObjectIds,
    json::{from_slice, object},
    kind::Type,
    observed::{Answer, Kind},
};
use crate::{
    id::{CustomerId, EventId},
    limits::WEBHOOK_BODY_BYTES_MAX,
    observation::{Because, Observed, Window},
    ports::{Group, Message},
    time::Timestamp,
};

/// Characters of the digest in the id of an observation.
const DIGEST_CHARS: usize = 32;

/// Everything but the object, as it is written.
#[derive(Serialize)]
struct Written {
    object: Type,
    livemode: bool,
    window: Window,
    because: Because,
}

/// The envelope, as it is read.
#[derive(Deserialize)]
struct Envelope<'a> {
    livemode: bool,
    #[serde(deserialize_with = "object")]
    window: Window,
    because: Because,
    #[serde(borrow, deserialize_with = "object")]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow, deserialize_with = "object")]
    object: Kind<'a>,
}

/// A parsed observation.
pub(super) struct Answered {
    pub(super) livemode: bool,
    pub(super) observed: Observed,
    pub(super) parsed: Parsed,
}

/// The message that carries an answer: the JSON of one object, as Stripe sent it. Its group is that of an
/// event about the same object.
pub fn message(
    answer: &str,
    observed: Observed,
    livemode: bool,
    received_at: Timestamp,
) -> Result<Message, Error> {
    let ids: ObjectIds<'_> = from_slice(answer.as_bytes())?;
    let kind: Kind<'_> = from_slice(answer.as_bytes())?;
    let customer = if kind.object == "customer" { &ids.id } else { ids.customer() };
    let customer = customer.id().and_then(|id| CustomerId::new(id).ok());
    let Observed { window, because } = observed;
    let written = Written { object: Type::Observation, livemode, window, because };
    // All but the closing brace.
    let mut fields = serde_json::to_string(&written)?;
    fields.pop();
    let rest = format!(r#"{},"data":{{"object":{answer}}}}}"#, fields.get(1..).unwrap_or_default());
    let digest = hex::encode(Sha256::digest(&rest));
    let id = format!("obs_{}", digest.get(..DIGEST_CHARS).unwrap_or_default());
    let body = format!(r#"{{"id":"{id}",{rest}"#);
    if body.len() > WEBHOOK_BODY_BYTES_MAX {
        let error = format!("{} bytes, at most {WEBHOOK_BODY_BYTES_MAX} are queued", body.len());
        return Err(Error::Malformed(error));
    }
    let event = EventId::new(&id).map_err(|error| Error::Malformed(format!("id: {error}")))?;
    Ok(Message {
        group: Group::new(&event, customer.as_ref()),
        event,
        kind: Type::Observation,
        received_at,
        trace: None,
        body: body.into(),
    })
}

/// Parses the body of a message that [`message`] made.
pub(super) fn parse(body: &[u8], user_id_keys: &[String]) -> Result<Answered, Error> {
    let Envelope { livemode, window, because, data } = from_slice(body)?;
    if window.to_secs < window.from_secs {
        return Err(Error::Malformed("window: it ends before it begins".to_owned()));
    }
    let parsed = Answer { bytes: body, window, user_id_keys }.parse(&data.object)?;
    Ok(Answered { livemode, observed: Observed { window, because }, parsed })
}

#[cfg(test)]
#[path = "observation_tests.rs"]
mod tests;
