//! Ticks of a schedule: an invocation without a payload.

use std::time::Duration;

use lambda_runtime::{LambdaEvent, service_fn};
use serde::de::IgnoredAny;

use super::{Error, Function, InvocationError, time_left};

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
            // Boxed, since the SDK's futures nest deeper than the compiler computes layouts.
            let done = Box::pin(work(time_left(&event.context, RESERVE))).await;
            self.flush();
            done.map_err(InvocationError::from)
        }))
        .await
        .map_err(Error::Runtime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_payload_is_a_tick() {
        let ticks = crate::lambda::events::read(include_str!("events/schedule.json"));
        for tick in ticks.iter().map(String::as_str).chain(["{}", "null", "[1]"]) {
            serde_json::from_str::<IgnoredAny>(tick).unwrap();
        }
    }
}
