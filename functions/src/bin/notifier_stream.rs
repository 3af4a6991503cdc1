//! The notifier as a Lambda function: the table's stream to the live sockets.

use tierlift_aws::{
    lambda::Function,
    sockets::{Connections, DedupedSockets},
};
use tierlift_notifier::notify_all;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let function = Function::start()?;
    let (environment, clock) = (&function.environment, &function.clock);
    let endpoint = environment.connections_endpoint()?;
    let connections = Connections::new(&function.sdk, environment.table()?, endpoint);
    // A batch that is redelivered because one push failed must not repeat the others.
    let sockets = DedupedSockets::new(connections, clock.clone());
    function.serve_stream(async |records| notify_all(&sockets, records, clock).await).await?;
    Ok(())
}
