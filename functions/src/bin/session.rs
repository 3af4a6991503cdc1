//! The session routes, those for hosts and proxies, and the pages of the codes as a Lambda function.

use std::sync::Arc;

use axum::middleware::from_fn_with_state;
use tierlift_aws::{lambda::Function, store::Changes};
use tierlift_functions::{
    confirming,
    rotating_access::{self, rotate_first},
    rotating_services::{RotatingServices, look_up_first},
    serve,
};
use tierlift_session::{
    authorize, codes, key_set, openapi, router,
    service::{self, changes},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let function = Function::start()?.with_policy_document().await?;
    let access = Arc::new(rotating_access::open(&function)?);
    let services = Arc::new(RotatingServices::open(&function)?);
    let cookie = function.environment.authorize_cookie()?;
    let log = Changes::new(access.access().store.clone(), function.clock.clone());
    let service_routes = service::router(Arc::clone(access.access()), services.tokens(), ())
        .merge(changes::router(Arc::new(log), services.tokens()))
        .route_layer(from_fn_with_state(services, look_up_first));
    let routes = router(Arc::clone(access.access()))
        .merge(confirming::open(&function, &access)?)
        .merge(authorize::router(Arc::clone(access.access()), cookie))
        .merge(key_set::router(Arc::clone(access.access())))
        .merge(service_routes)
        .route_layer(from_fn_with_state(access, rotate_first))
        .merge(codes::router())
        .merge(openapi::router());
    Ok(serve(&function, routes).await?)
}
