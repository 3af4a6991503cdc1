//! What operators do: they look at dead letters, ask what a redrive would change, redrive or discard them;
//! they ask why a user has their role, link, grant and revoke; they pause the worker.
//!
//! One library over the ports, for every door that operators come through. It refuses to decide: what an event
//! would change is core's own decision, without its commit. Every act has an actor and a reason, and a row in
//! the ledger.

mod acts;
mod customer_state;
mod dead_letters;
mod erase;
mod error;
mod filter;
mod groups;
mod objects;
mod readable;
mod redrive;
pub mod routes;
mod status;
mod stories;
mod transfer;
mod waiting;

pub use acts::{Grant, Link, Signed};
pub use customer_state::CustomerState;
pub use dead_letters::{Listed, Shown, ShownDiscarded};
pub use erase::Erased;
pub use error::Error;
pub use filter::Filter;
pub use groups::{Group, GroupBy, Groups};
pub use objects::{Imported, ObjectLines};
pub use readable::readable;
pub use redrive::{RedriveStep, Redriven};
pub use status::{Drift, LastEvent, Status, Traffic};
pub use stories::{CustomerStory, EventStory, Row, Rows};
pub use transfer::{Body, Line, Lines, Replay, Taken};
pub use waiting::ShownWaiting;

use tierlift_core::{
    policy::Policy,
    ports::{DeadLetters, Operations, ReconciliationRecord, Scan, Store, WaitingList},
    shared::Shared,
    time::Clock,
};

/// What operators work on, for one backend.
#[derive(Clone, Debug)]
pub struct Desk<B> {
    /// The backend.
    pub backend: B,
    /// The policy that decisions follow.
    pub policy: Shared<Policy>,
    /// The time of decisions.
    pub clock: Clock,
    /// Whether a worker runs beside it, so that a redrive can be waited for.
    pub has_worker: bool,
}

/// A backend that operators can work on.
pub trait Backend:
    Store + Scan + WaitingList + DeadLetters + ReconciliationRecord + Operations
{
}

impl<B> Backend for B where
    B: Store + Scan + WaitingList + DeadLetters + ReconciliationRecord + Operations
{
}
