//! Ingest as a Lambda function: a request of an HTTP API or a function URL, verified and queued.

use std::{sync::Arc, time::Duration};

use tierlift_aws::{lambda::Function, queue::Producer, secrets::Signing};
use tierlift_core::limits::REQUEST_BODY_TIMEOUT_SECS;
use tierlift_ingest::{Ingest, router};
use tower::ServiceExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let function = Function::start().map_err(anyhow::Error::from_boxed)?;
    let (environment, sdk, clock) = (&function.environment, &function.sdk, &function.clock);
    let routes = router(Arc::new(Ingest {
        queue: Producer::new(sdk, environment.queue_url()?),
        secrets: Signing::of(environment, sdk, clock)?,
        clock: clock.clone(),
        body_timeout: Duration::from_secs(REQUEST_BODY_TIMEOUT_SECS),
    }));
    let served = function.serve_http(async |request| {
        let Ok(response) = routes.clone().oneshot(request).await;
        response
    });
    served.await.map_err(anyhow::Error::from_boxed)
}
