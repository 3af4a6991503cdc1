//! The worker as a Lambda function: batches of the queue, decided and committed. Thin events are handed over to those
//! who ask Stripe, if anybody does.

use std::time::{Duration, Instant};

use tierlift_aws::{
    lambda::Function,
    queue::{Producer, Queue},
    store::Store,
};
use tierlift_core::ports::{Delivery, Receipt};
use tierlift_functions::thin::hand_over;
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
    let thin = environment.thin_queue_url().map(|url| Producer::new(sdk, url));
    function
        .serve_batches(&worker.queue, async |deliveries, time| {
            batch(&worker, thin.as_ref(), deliveries, time).await
        })
        .await?;
    Ok(())
}

/// Returns the receipts of what stays in the queue.
async fn batch(
    worker: &Worker<Queue, Store>,
    thin: Option<&Producer>,
    deliveries: Vec<Delivery>,
    time: Duration,
) -> Vec<Receipt> {
    let Some(thin) = thin else { return worker.batch(deliveries, time).await };
    let begun_at = Instant::now();
    let (deliveries, mut retained) = hand_over(&worker.queue, thin, deliveries).await;
    retained.extend(worker.batch(deliveries, time.saturating_sub(begun_at.elapsed())).await);
    retained
}
