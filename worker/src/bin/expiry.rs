//! The clock's work as a Lambda function: roles whose time is over and no webhook came. The table's
//! change feed tells the sockets.

use tierlift_aws::{lambda::Function, store::Store};
use tierlift_worker::expire_due;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let function = Function::start().map_err(anyhow::Error::from_boxed)?;
    let (environment, clock) = (&function.environment, &function.clock);
    let policy = environment.policy()?;
    let store = Store::new(&function.sdk, environment.table()?);
    let served = function.serve_ticks(async || {
        // The table's change feed pushes the changes.
        // Boxed, since the SDK's futures nest deeper than the compiler computes layouts.
        Box::pin(expire_due(&store, &policy, clock, |_| std::future::ready(()))).await.map(drop)
    });
    served.await.map_err(anyhow::Error::from_boxed)
}
