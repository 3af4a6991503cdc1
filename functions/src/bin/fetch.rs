//! Asking Stripe, as a Lambda function: about what thin events name, whenever their queue has some, and at every tick of
//! a schedule about what is unclear, and once a day about everything.

use tierlift_aws::lambda::Function;
use tierlift_functions::{inquiry::Inquiry, thin::ThinWorker};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let function = Function::start()?.with_policy_document().await?;
    let inquiry = Inquiry::open(&function)?;
    let thin = ThinWorker::open(&function, inquiry.stripe())?;
    function
        .serve_ticks_and_batches(
            async |time| inquiry.run(time).await,
            &thin.queue,
            async |deliveries, time| thin.batch(deliveries, time).await,
        )
        .await?;
    Ok(())
}
