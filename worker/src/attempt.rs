//! One attempt at one delivery: it always ends in a verdict, which is logged and counted.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use tierlift_core::{
    codes::Code,
    failure::Failure,
    policy::Policy,
    ports::{Delivery, Store},
    time::Clock,
};

use crate::{Verdict, apply, record, telemetry};

/// Applies a delivery. A panic is a failure like others.
pub async fn attempt<S: Store>(
    store: &S,
    policy: &Policy,
    delivery: &Delivery,
    clock: &Clock,
) -> Verdict {
    let span = telemetry::span(delivery);
    let applied = apply(store, policy, delivery, span.traceparent(), clock);
    let verdict = AssertUnwindSafe(applied).catch_unwind().await.unwrap_or_else(|_| {
        let message_text = "the worker panicked while it applied this event; nothing was written";
        Verdict::after_failure(Failure::new(Code::WorkerPanicked, &message_text), delivery)
    });
    telemetry::end(span, &verdict);
    record(&delivery.message, &verdict, clock.now());
    verdict
}
