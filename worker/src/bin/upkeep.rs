//! The clock's work as a Lambda function: roles whose time is over and no webhook came. The table's
//! change feed tells the sockets.

use tierlift_aws::{lambda::Function, store::Store};
use tierlift_core::{limits::LAPSES_OF_ONE_ROUND_MAX, ports::StoreError};
use tierlift_worker::lapse_one;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let function = Function::start().map_err(anyhow::Error::from_boxed)?;
    let (environment, clock) = (&function.environment, &function.clock);
    let policy = environment.policy()?;
    let store = Store::new(&function.sdk, environment.table()?);
    let served = function.serve_ticks(async || {
        for user in store.lapsed(clock.now(), LAPSES_OF_ONE_ROUND_MAX).await? {
            // One that cannot be ended now is looked at again a minute later.
            if let Err(why) = lapse_one(&store, &policy, &user, clock.now()).await {
                tracing::warn!(user = user.as_str(), error = %why, "a role could not be ended");
            }
        }
        Ok::<_, StoreError>(())
    });
    served.await.map_err(anyhow::Error::from_boxed)
}
