//! The notifier as a Lambda function: the table's change feed to the live sockets.

use tierlift_aws::{
    lambda::Function,
    sockets::{Connections, DedupedSockets},
};
use tierlift_notifier::{News, tell_all};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let function = Function::start().map_err(anyhow::Error::from_boxed)?;
    let (environment, clock) = (&function.environment, &function.clock);
    let endpoint = environment.connections_endpoint()?;
    let connections = Connections::new(&function.sdk, environment.table()?, endpoint);
    // What comes again because another socket failed must not be told twice.
    let sockets = DedupedSockets::new(connections, clock.clone());
    let served = function.serve_stream(async |changes| {
        let news = changes.into_iter().map(|(change, origin)| News { change, origin });
        tell_all(&sockets, news.collect(), clock).await
    });
    served.await.map_err(anyhow::Error::from_boxed)
}
