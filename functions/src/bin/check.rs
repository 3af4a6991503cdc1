//! The check of a deployment as a Lambda function: a custom resource of the stack, on which all others wait.

use tierlift_aws::lambda::Function;
use tierlift_functions::deployment;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let function = Function::start()?;
    function.serve_deployments(async || deployment::check(&function).await).await?;
    Ok(())
}
