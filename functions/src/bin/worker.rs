//! The worker as a Lambda function: batches of the queue, decided and committed.

use tierlift_aws::{lambda::Function, queue::Queue, store::Store};
use tierlift_worker::Worker;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let function = Function::start()?.with_policy_document().await?;
    let (environment, sdk) = (&function.environment, &function.sdk);
    let (table, policy) = (environment.table()?, environment.policy()?);
    let (queue, dead_letters) = (environment.queue_url()?, environment.dead_letter_queue_url()?);
    let worker = Worker {
        queue: Queue::new(sdk, queue, dead_letters, table),
        store: Store::new(sdk, table),
        policy: policy.into(),
        clock: function.clock.clone(),
    };
    function
        .serve_batches(&worker.queue, async |deliveries, time| worker.batch(deliveries, time).await)
        .await?;
    Ok(())
}
