//! Ingest as a Lambda function: a request of an HTTP API or a function URL, verified and queued.

use std::{sync::Arc, time::Duration};

use tierlift_aws::{lambda::Function, queue::Producer, secrets::CachedSecret};
use tierlift_core::limits::REQUEST_BODY_TIMEOUT_SECS;
use tierlift_functions::serve;
use tierlift_ingest::{Ingest, Refusals, router};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let function = Function::start()?;
    let (environment, sdk, clock) = (&function.environment, &function.sdk, &function.clock);
    let routes = router(Arc::new(Ingest {
        queue: Producer::new(sdk, environment.queue_url()?),
        secrets: CachedSecret::signing_secrets(environment, sdk, clock)?,
        connected_accounts: environment.connected_accounts()?.into(),
        clock: clock.clone(),
        body_timeout: Duration::from_secs(REQUEST_BODY_TIMEOUT_SECS),
        refusals: Refusals::default(),
    }));
    Ok(serve(&function, routes).await?)
}
