//! Ticks of a schedule: an invocation without a payload, also of a function that serves a queue, too.

use std::time::Duration;

use lambda_runtime::{Context, LambdaEvent, service_fn};
use serde::de::IgnoredAny;
use serde_json::Value;
use tierlift_core::ports::{Delivery, Receipt};

use super::{Error, Function, InvocationError, time_left};
use crate::queue::Queue;

/// Time that is reserved for the end of an invocation: what was begun before is finished in it.
const RESERVE: Duration = Duration::from_secs(10);

impl Function {
    /// Does the work at every tick until Lambda ends the process. `work` gets the time in which it may begin
    /// something new. An error fails the invocation, which Lambda counts.
    pub async fn serve_ticks<W, E>(&self, work: W) -> Result<(), Error>
    where
        W: AsyncFn(Duration) -> Result<(), E>,
        E: std::error::Error + Send + Sync + 'static,
    {
        let work = &work;
        lambda_runtime::run(service_fn(async move |event: LambdaEvent<IgnoredAny>| {
            self.tick(work, &event.context).await
        }))
        .await
        .map_err(Error::Runtime)
    }

    /// Serves a queue beside the schedule: like [`serve_ticks`](Self::serve_ticks), and like
    /// [`serve_batches`](Self::serve_batches) what the queue invokes.
    pub async fn serve_ticks_and_batches<T, E, W>(
        &self,
        tick: T,
        queue: &Queue,
        work: W,
    ) -> Result<(), Error>
    where
        T: AsyncFn(Duration) -> Result<(), E>,
        E: std::error::Error + Send + Sync + 'static,
        W: AsyncFn(Vec<Delivery>, Duration) -> Vec<Receipt>,
    {
        let (tick, work) = (&tick, &work);
        lambda_runtime::run(service_fn(async move |event: LambdaEvent<Value>| {
            let LambdaEvent { payload, context } = event;
            if !is_batch(&payload) {
                return self.tick(tick, &context).await.map(|()| None);
            }
            let payload = serde_json::from_value(payload)?;
            Ok(Some(self.batch(queue, work, LambdaEvent { payload, context }).await))
        }))
        .await
        .map_err(Error::Runtime)
    }

    async fn tick<W, E>(&self, work: &W, context: &Context) -> Result<(), InvocationError>
    where
        W: AsyncFn(Duration) -> Result<(), E>,
        E: std::error::Error + Send + Sync + 'static,
    {
        // Boxed, since the SDK's futures nest deeper than the compiler computes layouts.
        let done = Box::pin(work(time_left(context, RESERVE))).await;
        self.flush();
        done.map_err(InvocationError::from)
    }
}

/// Whether a payload is a batch of a queue. Everything else is a tick.
fn is_batch(payload: &Value) -> bool {
    payload.get("Records").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_payload_is_a_tick() {
        let ticks = crate::lambda::events::read(include_str!("events/schedule.json"));
        for tick in ticks.iter().map(String::as_str).chain(["{}", "null", "[1]"]) {
            serde_json::from_str::<IgnoredAny>(tick).unwrap();
            assert!(!is_batch(&serde_json::from_str(tick).unwrap()), "{tick}");
        }
        for batch in crate::lambda::events::read(include_str!("events/queue.json")) {
            assert!(is_batch(&serde_json::from_str(&batch).unwrap()), "{batch}");
        }
    }
}
