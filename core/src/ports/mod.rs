//! The ports: the secrets, queue, store and sockets that the stages need. Two backends implement them,
//! embedded and AWS, and one contract suite holds both to the same promises.
//!
//! Only tierlift's types cross a port. Every call is safe to repeat.

mod change_log;
mod dead_letters;
mod enqueue;
mod fetch;
mod operations;
mod processed;
mod queue;
mod reconciliation;
mod scan;
mod secrets;
mod sockets;
mod store;
mod stripe;
mod waiting;

pub use change_log::{ChangeLog, Cursor, CursorError, LoggedChange};
pub use dead_letters::{DeadLetter, DeadLetters, Depth};
pub use enqueue::{Enqueue, Enqueued, Group, Message, QueueError};
pub use fetch::{Due, FetchList};
pub use operations::{Discarded, LedgerFilter, Note, Operations};
pub use processed::Processed;
pub use queue::{Delivery, Queue, Receipt};
pub use reconciliation::ReconciliationRecord;
pub use scan::{Page, PolicyRecord, PolicyState, Progress, Scan};
pub use secrets::{SecretsError, SigningSecrets, TokenSecrets};
pub use sockets::{GatewaySockets, Holder, Pushed, Sockets, SocketsError};
pub use store::{Store, StoreError};
pub use stripe::{Answer, ListOf, Stripe, StripeError, StripeId};
pub use waiting::{Waiting, WaitingList, WaitingTotals};

pub use crate::decide::LoadKeys;
