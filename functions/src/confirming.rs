//! The route that confirms checkouts: with a key of Stripe's API it asks Stripe, and without one it answers what is
//! committed.

use std::sync::Arc;

use axum::Router;
use tierlift_aws::{lambda::Function, queue::Producer};
use tierlift_session::confirm::{Confirmer, NoKey, router};

use crate::{rotating_access::FunctionAccess, rotating_client::RotatingClient};

/// Opens the route that the function's environment describes. A question ends with its page, since a function
/// stands still when it has answered.
pub fn open(function: &Function, access: &FunctionAccess) -> anyhow::Result<Router> {
    let Function { environment, sdk, clock, .. } = function;
    let access = access.access();
    let livemode = access.policy.current().livemode;
    let Some(client) = RotatingClient::open(environment, sdk, clock, livemode)? else {
        return Ok(router(Arc::clone(access), NoKey));
    };
    let queue = Producer::new(sdk, environment.queue_url()?);
    let (store, policy) = (access.store.clone(), access.policy.clone());
    let confirmer = Confirmer::new(Arc::new(client), store, queue, policy, clock.clone());
    Ok(router(Arc::clone(access), confirmer.ending_with_the_page()))
}
