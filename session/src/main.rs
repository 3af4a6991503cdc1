//! The session routes as a Lambda function.

use tierlift_aws::lambda::Function;
use tierlift_session::{Rolling, router};
use tower::ServiceExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let function = Function::start().map_err(anyhow::Error::from_boxed)?;
    let rolling = Rolling::open(&function).await?;
    let served = function.serve_http(async |request| match rolling.access().await {
        Ok(access) => {
            let Ok(response) = router(access.clone()).oneshot(request).await;
            response
        }
        Err(error) => error.answer().map(Into::into),
    });
    served.await.map_err(anyhow::Error::from_boxed)
}
