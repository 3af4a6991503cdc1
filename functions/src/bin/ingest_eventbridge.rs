//! Ingest of the events that Stripe sends by Amazon `EventBridge`, as a Lambda function: what the event bus has put
//! into a queue of its own is enqueued like a webhook. Who may write to that queue is the business of its policy.

use tierlift_aws::{lambda::Function, queue::Producer};
use tierlift_ingest::accept_trusted;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let function = Function::start()?;
    let environment = &function.environment;
    let queue = Producer::new(&function.sdk, environment.queue_url()?);
    let accounts = environment.connected_accounts()?;
    function
        .serve_partner_events(async |body| {
            accept_trusted(&queue, &accounts, body, &function.clock).await.map(drop)
        })
        .await?;
    Ok(())
}
