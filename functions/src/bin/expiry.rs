//! Expiry as a Lambda function: settles accounts some of whose access has expired, at every tick of its
//! schedule. The table's stream brings the changes to the notifier.

use tierlift_aws::{lambda::Function, store::Store};
use tierlift_worker::expire_due;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let function = Function::start()?;
    let (environment, clock) = (&function.environment, &function.clock);
    let policy = environment.policy()?;
    let store = Store::new(&function.sdk, environment.table()?);
    function
        .serve_ticks(async || {
            expire_due(&store, &policy, clock, |_| std::future::ready(())).await.map(drop)
        })
        .await?;
    Ok(())
}
