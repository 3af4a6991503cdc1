//! A clock's tick: nothing comes in.

use lambda_runtime::{LambdaEvent, service_fn};
use serde::de::IgnoredAny;

use super::{Error, Function};

impl Function {
    /// Does the work at every tick until Lambda ends the process. A failed round is Lambda's to
    /// count and to repeat.
    pub async fn serve_ticks<W, E>(&self, work: W) -> Result<(), Error>
    where
        W: AsyncFn() -> Result<(), E>,
        E: std::error::Error + Send + Sync + 'static,
    {
        let work = &work;
        lambda_runtime::run(service_fn(async move |_: LambdaEvent<IgnoredAny>| {
            let done = work().await;
            self.flush();
            done.map_err(|error| Error::from(error))
        }))
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_tick_brings_it_is_a_tick() {
        let ticks = crate::lambda::events::read(include_str!("events/schedule.json"));
        for tick in ticks.iter().map(String::as_str).chain(["{}", "null", "[1]"]) {
            serde_json::from_str::<IgnoredAny>(tick).unwrap();
        }
    }
}
