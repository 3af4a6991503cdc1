//! What the stages need of the world: secrets, a queue, a store, sockets. Two backends implement them, the
//! embedded one and the AWS one, and one contract suite holds both to the same promises.
//!
//! Only our own types cross a port. Every call is safe to make twice.

use std::{fmt, future::Future, sync::Arc};

use bytes::Bytes;
use serde::Serialize;

use crate::{
    account::Account,
    cause::{Cause, Failure, FailureRecord},
    customer::Customer,
    decide::{Commit, LedgerEntry, Loaded},
    event::Type,
    id::{CustomerId, EventId, UserId},
    signature::Secrets,
    time::Timestamp,
};

/// A message: the bytes that Stripe sent, untouched, with what the queue needs to know of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The queue keeps one message for each id.
    pub event: EventId,
    /// Its type.
    pub kind: Type,
    /// Messages of one group are delivered one after another; groups overtake each other.
    pub group: Group,
    /// When the webhook arrived.
    pub received_at: Timestamp,
    /// W3C `traceparent` of the request, if it had one.
    pub trace: Option<String>,
    /// The webhook's body.
    pub body: Bytes,
}

/// The customer whose events must stay in order; or the event itself where it names no customer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group(pub Arc<str>);

impl Group {
    /// The group of an event.
    #[must_use]
    pub fn of(event: &EventId, customer: Option<&CustomerId>) -> Self {
        Self(customer.map_or(event.as_str(), CustomerId::as_str).into())
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names one delivery of a message to the queue that made it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receipt(pub String);

/// A message that was received and is invisible to others until it is answered for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// By which it is answered for.
    pub receipt: Receipt,
    /// What was sent.
    pub message: Message,
    /// Which delivery this is, from 1.
    pub attempt: u32,
}

/// A message that could not be applied, with why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// What was sent.
    pub message: Message,
    /// Why it is here.
    pub failure: FailureRecord,
}

/// What a send did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is in the queue, durably. A queue that cannot tell (SQS) says this of a duplicate, too.
    Queued,
    /// A message of this id already was.
    Duplicate,
}

/// How full the queue is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Depth {
    /// Messages that are not applied yet, delayed and invisible ones included.
    pub queued: u64,
    /// Dead letters.
    pub dead: u64,
    /// When the oldest message that is not applied yet was received.
    pub oldest_received_at: Option<Timestamp>,
}

/// Why a queue did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// It holds as much as it may.
    #[error("the queue is full")]
    Full,
    /// It could not be reached or written.
    #[error("the queue is unavailable: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why there are no signing secrets at the moment.
#[derive(Debug, thiserror::Error)]
#[error("the signing secrets cannot be read: {0}")]
pub struct SecretsError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Where the webhook's signing secrets are; somebody may roll them while we run.
pub trait SigningSecrets: Send + Sync {
    /// Those of now.
    fn current(&self) -> impl Future<Output = Result<Arc<Secrets>, SecretsError>> + Send;

    /// Newer ones, because none of the known ones fitted; `None` where there are none, or where
    /// somebody looked only just now.
    fn renewed(&self) -> impl Future<Output = Option<Arc<Secrets>>> + Send;
}

/// Secrets that never change while we run.
impl SigningSecrets for Arc<Secrets> {
    async fn current(&self) -> Result<Self, SecretsError> {
        Ok(Self::clone(self))
    }

    async fn renewed(&self) -> Option<Self> {
        None
    }
}

/// The queue's front, as ingest sees it.
pub trait Inbox: Send + Sync {
    /// Puts a message in the queue. When this returns, it is durable.
    fn send(&self, message: Message) -> impl Future<Output = Result<Sent, QueueError>> + Send;
}

/// The queue between ingest and worker: first in, first out for each group, one message for each
/// event id, nothing lost once [`Inbox::send`] returned.
pub trait Queue: Inbox {
    /// Takes up to `max` messages; waits until there is one. Of one group the earliest alone is
    /// delivered until it is answered for.
    fn receive(&self, max: usize)
    -> impl Future<Output = Result<Vec<Delivery>, QueueError>> + Send;

    /// Answers for deliveries: they are done.
    fn delete(&self, receipts: Vec<Receipt>)
    -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Answers for a delivery: it failed, and comes again after so many milliseconds. Its group
    /// waits for it.
    fn retry(
        &self,
        delivery: &Delivery,
        delay_ms: u64,
        failure: Failure,
    ) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Answers for deliveries: nobody tried them. They come again after so many milliseconds, and
    /// this attempt is not counted.
    fn release(
        &self,
        deliveries: &[Delivery],
        delay_ms: u64,
    ) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Answers for a delivery: it goes to the dead letters with its cause. Its group goes on.
    fn park(
        &self,
        delivery: &Delivery,
        failure: Failure,
    ) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Dead letters, oldest first, at most `max`.
    fn dead_letters(
        &self,
        max: usize,
    ) -> impl Future<Output = Result<Vec<DeadLetter>, QueueError>> + Send;

    /// Puts a dead letter back at the end of the queue, with no attempts counted; false where there
    /// is none of that id.
    fn redrive(&self, event: &EventId) -> impl Future<Output = Result<bool, QueueError>> + Send;

    /// How full it is.
    fn depth(&self) -> impl Future<Output = Result<Depth, QueueError>> + Send;
}

/// What a decision on an event needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Whether this is in the ledger.
    pub event: EventId,
    /// This customer.
    pub customer: CustomerId,
    /// These users' accounts, besides that of the customer's user.
    pub users: Vec<UserId>,
}

/// Why a store did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The ledger has the event already. Nothing was written.
    #[error("the event was processed before")]
    Duplicate,
    /// Somebody else wrote the customer or an account since it was loaded. Nothing was written.
    #[error("somebody else committed first")]
    Conflict,
    /// An item would be larger than the store can hold. Nothing was written, and trying again would
    /// not help.
    #[error("the store cannot hold it: {}", .0.code())]
    TooLarge(Cause),
    /// It could not be read or written. Whether anything was written is unknown.
    #[error("the store is unavailable: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// The cause that a failure record names.
    #[must_use]
    pub const fn cause(&self) -> Cause {
        match self {
            Self::Duplicate | Self::Conflict => Cause::StoreConflict,
            Self::TooLarge(cause) => *cause,
            Self::Unavailable(_) => Cause::StoreUnavailable,
        }
    }
}

/// The store: customers, accounts and the ledger.
pub trait Store: Send + Sync {
    /// Reads everything that a decision needs, strongly consistent.
    fn load(&self, keys: &Keys) -> impl Future<Output = Result<Loaded, StoreError>> + Send;

    /// Writes a decision in one transaction: all of it or none, and only onto the versions that it
    /// was decided on. When this returns `Ok`, it is durable.
    fn commit(&self, commit: Commit) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// A user's account, as last committed.
    fn account(
        &self,
        user: &UserId,
    ) -> impl Future<Output = Result<Option<Account>, StoreError>> + Send;

    /// A customer, as last committed.
    fn customer(
        &self,
        customer: &CustomerId,
    ) -> impl Future<Output = Result<Option<Customer>, StoreError>> + Send;

    /// An event's ledger row.
    fn ledger(
        &self,
        event: &EventId,
    ) -> impl Future<Output = Result<Option<LedgerEntry>, StoreError>> + Send;
}

/// What a push did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The socket has it, or will have it next.
    Sent,
    /// There is no such socket any more.
    Gone,
}

/// Why a push failed for a reason that may pass.
#[derive(Debug, thiserror::Error)]
#[error("the push failed: {0}")]
pub struct PushError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Live sockets: who holds which, and how to tell them something.
pub trait Sockets: Send + Sync {
    /// Names one socket.
    type Id: Clone + Send + Sync + fmt::Debug;

    /// The live sockets of a user.
    fn of(&self, user: &UserId) -> impl Future<Output = Result<Vec<Self::Id>, PushError>> + Send;

    /// Sends a text frame to a socket.
    fn push(
        &self,
        socket: &Self::Id,
        text: &str,
    ) -> impl Future<Output = Result<Pushed, PushError>> + Send;

    /// Forgets a socket that is gone.
    fn forget(
        &self,
        user: &UserId,
        socket: &Self::Id,
    ) -> impl Future<Output = Result<(), PushError>> + Send;
}
