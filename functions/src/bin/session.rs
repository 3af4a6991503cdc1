//! The session routes and the pages of the codes as a Lambda function.

use std::sync::Arc;

use axum::middleware::from_fn_with_state;
use tierlift_aws::lambda::Function;
use tierlift_functions::{
    rotating_access::{self, rotate_first},
    serve,
};
use tierlift_session::{codes, router};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let function = Function::start()?;
    let access = Arc::new(rotating_access::open(&function)?);
    let sessions = router(Arc::clone(access.access()));
    let routes =
        sessions.route_layer(from_fn_with_state(access, rotate_first)).merge(codes::router());
    Ok(serve(&function, routes).await?)
}
