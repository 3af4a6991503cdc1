//! What happens by the clock, as a Lambda function at every tick of a schedule: accounts some of whose
//! access has expired are settled, what waits is reported, and a changed policy is applied.

use tierlift_aws::{lambda::Function, store::Store};
use tierlift_functions::maintenance::Maintenance;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let function = Function::start()?.with_policy_document().await?;
    let environment = &function.environment;
    let maintenance = Maintenance {
        store: Store::new(&function.sdk, environment.table()?),
        policy: environment.policy()?,
        clock: function.clock.clone(),
    };
    function.serve_ticks(async |time| maintenance.run(time).await).await?;
    Ok(())
}
