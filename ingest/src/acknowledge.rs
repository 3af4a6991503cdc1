//! A webhook from its bytes to the queue, independent of HTTP.

use bytes::Bytes;
use tierlift_core::{
    codes::Code,
    ports::{Enqueue, Enqueued, Group, Message},
    stripe::{
        event::Head,
        signature::{self, Secrets},
    },
    time::Clock,
};
use tierlift_traces::{Key, Span, Stage};

use crate::error::Error;

/// A webhook that was not refused, and why it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    /// It was enqueued and is durable.
    Queued,
    /// The queue has its event already.
    Duplicate,
    /// It cannot bear on access, for this reason.
    Ignored(&'static str),
}

impl Acknowledged {
    /// The name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "accepted",
            Self::Duplicate => "duplicate",
            Self::Ignored(_) => "ignored",
        }
    }
}

/// Verifies a webhook and enqueues its event. `signature` is the value of the header `Stripe-Signature`,
/// and `trace` that of `traceparent`. When this returns [`Acknowledged::Queued`], the event is durable.
pub async fn verify_and_enqueue<Q: Enqueue>(
    queue: &Q,
    secrets: &Secrets,
    connected_accounts: &[String],
    signature: Option<&[u8]>,
    body: Bytes,
    trace: Option<String>,
    clock: &Clock,
) -> Result<Acknowledged, Error> {
    verify(secrets, signature.unwrap_or_default(), &body, clock)?;
    enqueue(queue, connected_accounts, body, trace, clock).await
}

/// Enqueues an event that is known to be Stripe's.
pub(crate) async fn enqueue<Q: Enqueue>(
    queue: &Q,
    connected_accounts: &[String],
    body: Bytes,
    trace: Option<String>,
    clock: &Clock,
) -> Result<Acknowledged, Error> {
    let (id, kind, customer) = match Head::parse(&body, connected_accounts)? {
        Head::Wanted { id, kind, customer } => (id, kind, customer),
        Head::Ignored { reason } => return Ok(Acknowledged::Ignored(reason)),
    };
    let group = Group::new(&id, customer.as_ref());
    let mut span = Span::start(Stage::Ingest, trace);
    span.set(Key::EventId, id.as_str());
    span.set(Key::EventType, kind.as_str());
    span.set(Key::CustomerId, &group.0);
    let (received_at, trace) = (clock.now(), span.traceparent());
    let message = Message { event: id, kind, group, received_at, trace, body };
    let enqueued = queue.enqueue(message).await;
    let acknowledged = match enqueued.inspect_err(|_| span.fail(Code::QueueUnavailable.as_str()))? {
        Enqueued::Queued => Acknowledged::Queued,
        Enqueued::Duplicate => Acknowledged::Duplicate,
    };
    span.set(Key::Outcome, acknowledged.as_str());
    Ok(acknowledged)
}

/// Verifies a signature. Its time is a witness for the clock, and may be what puts it right.
fn verify(
    secrets: &Secrets,
    signature: &[u8],
    body: &[u8],
    clock: &Clock,
) -> Result<(), signature::Error> {
    match signature::verify(secrets, signature, body, clock.now()) {
        Ok(signed_at) => {
            let _ = clock.witness(signed_at);
            Ok(())
        }
        Err(signature::Error::Expired(at) | signature::Error::Future(at)) if clock.witness(at) => {
            signature::verify(secrets, signature, body, clock.now()).map(drop)
        }
        Err(error) => Err(error),
    }
}
