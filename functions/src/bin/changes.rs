//! The log of changes as a Lambda function: what the table's stream brings, in an order without a gap, for hosts that
//! follow it.

use tierlift_aws::{
    lambda::Function,
    store::{Changes, Store},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let function = Function::start()?;
    let store = Store::new(&function.sdk, function.environment.table()?);
    let changes = Changes::new(store, function.clock.clone());
    function.serve_changes(async |batch| changes.append(&batch).await).await?;
    Ok(())
}
