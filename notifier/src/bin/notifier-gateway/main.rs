//! The sockets of API Gateway as a Lambda function: they open, ask, and close.

mod gateway;

use tierlift_aws::lambda::Function;

use gateway::Gateway;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let function = Function::start().map_err(anyhow::Error::from_boxed)?;
    let gateway = Gateway::open(&function).await?;
    let served = function.serve_sockets(async |event| gateway.answer(event).await);
    served.await.map_err(anyhow::Error::from_boxed)
}
