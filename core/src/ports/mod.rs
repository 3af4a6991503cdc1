//! The ports: the secrets, queue, store and sockets that the stages need. Two backends implement them,
//! embedded and AWS, and one contract suite holds both to the same promises.
//!
//! Only tierlift's types cross a port. Every call is safe to repeat.

mod dead_letters;
mod enqueue;
mod queue;
mod secrets;
mod sockets;
mod store;

pub use dead_letters::{DeadLetter, DeadLetters, Depth};
pub use enqueue::{Enqueue, Enqueued, Group, Message, QueueError};
pub use queue::{Delivery, Queue, Receipt};
pub use secrets::{SecretsError, SigningSecrets, TokenSecrets};
pub use sockets::{GatewaySockets, Holder, Pushed, Sockets, SocketsError};
pub use store::{LoadKeys, Store, StoreError};
