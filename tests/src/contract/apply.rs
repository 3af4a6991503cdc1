//! Commits decisions on a backend under test, as the worker does without a queue.

use tierlift_core::{
    decide::{Commit, Decision, decide},
    ports::Store,
    stripe::event::Event,
    time::Timestamp,
};
use tierlift_testkit::facts::{keys, policy};

use super::StoreBackend;

/// The time at which everything happens.
pub(super) const AT: Timestamp = Timestamp::from_secs(1_795_000_000);

/// Loads and decides, but does not commit.
pub(super) async fn decided<B: StoreBackend>(backend: &B, event: &Event) -> Commit {
    let mut keys = keys(event);
    loop {
        match decide(backend.store().load(&keys).await.unwrap(), event, &policy(), AT) {
            Decision::Commit(commit) => return *commit,
            Decision::Load(more) => keys = *more,
            other @ (Decision::Duplicate | Decision::Park(_)) => {
                panic!("expected a commit, not {other:?}")
            }
        }
    }
}

/// Decides and commits.
pub(super) async fn apply<B: StoreBackend>(backend: &B, event: &Event) -> Commit {
    let commit = decided(backend, event).await;
    backend.store().commit(commit.clone()).await.unwrap();
    commit
}
