//! What the stages need of the world: secrets, a queue, a store, sockets. Two backends implement the
//! ports, the embedded one and the AWS one, and one contract suite holds both to the same promises.
//!
//! Only our own types cross a port. Every call is safe to make twice.

mod dead_letters;
mod enqueue;
mod queue;
mod secrets;
mod sockets;
mod store;

pub use dead_letters::{DeadLetter, DeadLetters, Depth};
pub use enqueue::{Enqueue, Enqueued, Group, Message, QueueError};
pub use queue::{Delivery, Queue, Receipt};
pub use secrets::{SecretsError, SigningSecrets};
pub use sockets::{PushError, Pushed, Sockets};
pub use store::{LoadKeys, Store, StoreError};
