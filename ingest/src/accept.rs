//! A webhook from its bytes to the queue, over HTTP or Lambda alike.

use bytes::Bytes;
use tierlift_core::{
    ports::{Enqueue, Enqueued, Group, Message},
    stripe::{
        event::Head,
        signature::{self, Secrets},
    },
    time::Timestamp,
};

use crate::Error;

/// What accepting a webhook did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is in the queue, durably.
    Queued,
    /// It was in the queue already.
    Duplicate,
    /// Its type does not concern roles.
    Ignored,
}

impl Accepted {
    /// The label in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "accepted",
            Self::Duplicate => "duplicate",
            Self::Ignored => "ignored",
        }
    }
}

/// Verifies a webhook and queues it. `signature` is the value of the `Stripe-Signature` header, `trace`
/// that of `traceparent`. When this returns [`Accepted::Queued`], the event is durable.
pub async fn accept<Q: Enqueue>(
    queue: &Q,
    secrets: &Secrets,
    signature: Option<&[u8]>,
    body: Bytes,
    trace: Option<String>,
    now: Timestamp,
) -> Result<Accepted, Error> {
    signature::verify(secrets, signature.unwrap_or_default(), &body, now)?;
    let Head::Wanted { id, kind, customer } = Head::parse(&body)? else {
        return Ok(Accepted::Ignored);
    };
    let group = Group::new(&id, customer.as_ref());
    let message = Message { event: id, kind, group, received_at: now, trace, body };
    match queue.enqueue(message).await? {
        Enqueued::Queued => Ok(Accepted::Queued),
        Enqueued::Duplicate => Ok(Accepted::Duplicate),
    }
}
