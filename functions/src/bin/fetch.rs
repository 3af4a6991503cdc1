//! Asking Stripe, as a Lambda function at every tick of a schedule: about the customers about whom something is
//! unclear, and once a day about everything.

use tierlift_aws::lambda::Function;
use tierlift_functions::inquiry::Inquiry;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let function = Function::start()?.with_policy_document().await?;
    let inquiry = Inquiry::open(&function)?;
    function.serve_ticks(async |time| inquiry.run(time).await).await?;
    Ok(())
}
