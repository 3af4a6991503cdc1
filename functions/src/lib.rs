//! The stages wired to AWS: what the functions in `bin/` share.
//!
//! The mirror image of the embedded server, and the only package that takes stages and AWS together.
//! It refuses to hold rules: a function's stage decides what it does, and AWS is reached by
//! `tierlift_aws`.

pub mod confirming;
pub mod deployment;
pub mod gateway;
pub mod inquiry;
pub mod maintenance;
pub mod rotating_access;
pub mod rotating_client;
pub mod rotating_services;
pub mod thin;

use axum::Router;
use tierlift_aws::lambda::{Error, Function};
use tower::ServiceExt as _;

/// Serves a stage's routes until the function ends.
pub async fn serve(function: &Function, routes: Router) -> Result<(), Error> {
    function
        .serve_http(async |request| {
            let Ok(response) = routes.clone().oneshot(request).await;
            response
        })
        .await
}
