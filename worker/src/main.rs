//! The worker as a Lambda function: batches of the queue, decided and committed.

use tierlift_aws::{lambda::Function, queue::Queue, store::Store};
use tierlift_worker::Worker;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let function = Function::start().map_err(anyhow::Error::from_boxed)?;
    let (environment, sdk) = (&function.environment, &function.sdk);
    let (table, policy) = (environment.table()?, environment.policy()?);
    let (queue, letters) = (environment.queue_url()?, environment.dead_letter_queue_url()?);
    let worker = Worker {
        queue: Queue::new(sdk, queue, letters, table),
        store: Store::new(sdk, table),
        policy,
        clock: function.clock.clone(),
    };
    let served = function.serve_batches(&worker.queue, async |deliveries, time| {
        worker.batch(deliveries, time).await
    });
    served.await.map_err(anyhow::Error::from_boxed)
}
