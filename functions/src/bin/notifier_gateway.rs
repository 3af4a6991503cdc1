//! The sockets of API Gateway as a Lambda function: they open, send frames, and close.

use tierlift_aws::lambda::Function;
use tierlift_functions::gateway::Gateway;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let function = Function::start()?.with_policy_document().await?;
    let gateway = Gateway::open(&function)?;
    function.serve_sockets(async |event| gateway.respond(event).await).await?;
    Ok(())
}
