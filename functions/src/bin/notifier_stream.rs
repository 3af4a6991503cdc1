//! The notifier as a Lambda function: the table's stream to the live sockets.

use tierlift_aws::{
    lambda::Function,
    sockets::{Connections, DedupedSockets},
    store::Store,
};
use tierlift_notifier::{HolderSockets, notify_all};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let function = Function::start()?.with_policy_document().await?;
    let (environment, sdk, clock) = (&function.environment, &function.sdk, &function.clock);
    let (table, endpoint) = (environment.table()?, environment.connections_endpoint()?);
    let sockets = HolderSockets {
        store: Store::new(sdk, table),
        policy: environment.policy_of_accounts()?,
        clock: clock.clone(),
        sockets: Connections::new(sdk, table, endpoint),
    };
    // A batch that is redelivered because one push failed must not repeat the others.
    let sockets = DedupedSockets::new(sockets, clock.clone());
    function.serve_stream(async |records| notify_all(&sockets, records, clock).await).await?;
    Ok(())
}
