//! One attempt at one delivery, whatever happens in it: a verdict, told to the log and the metrics.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use tierlift_core::{
    cause::{Cause, Failure},
    policy::Policy,
    ports::{Delivery, Store},
    time::Clock,
};

use crate::{Verdict, after_failure, apply, record};

/// Applies a delivery. A defect that panics is a failure like others.
pub async fn attempt<S: Store>(
    store: &S,
    policy: &Policy,
    delivery: &Delivery,
    clock: &Clock,
) -> Verdict {
    let Delivery { message, attempt, .. } = delivery;
    let applied = apply(store, policy, message, *attempt, || clock.now());
    let verdict = AssertUnwindSafe(applied).catch_unwind().await.unwrap_or_else(|_| {
        let words = "the worker failed in the middle of this event; nothing was written";
        after_failure(Failure::new(Cause::WorkerPanicked, &words), message, *attempt)
    });
    record(message, &verdict, clock.now());
    verdict
}
