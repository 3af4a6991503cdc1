//! The demo: a page, logins without a password, and a simulated Stripe.
//!
//! It exists with `--demo` only, on loopback addresses. Its webhooks are signed and posted to this
//! server's own endpoint like any others; no route here writes a role.

mod plan;

mod actions;
mod assets;
mod local;
mod routes;
mod stored;

use std::net::SocketAddr;

use tierlift_embedded::Server;

use crate::{credentials::DEMO_WEBHOOK_SECRET, webhooks::WebhookSender};
use actions::DemoSimulator;

pub(crate) use plan::DemoPlan;

/// Adds the demo's routes to a server that will listen on that address.
pub(crate) fn add_to(
    server: Server,
    plan: &DemoPlan,
    address: SocketAddr,
) -> anyhow::Result<Server> {
    let guard = server.guard(&plan.role)?;
    let sender = WebhookSender::new(&format!("http://{address}"), DEMO_WEBHOOK_SECRET);
    let simulator = DemoSimulator::new(server.access().clone(), sender, plan.price.clone());
    if !assets::is_built() {
        tracing::info!("client/demo/dist not built: /demo serves the plain page");
    }
    let hosts = local::HOSTS.map(str::to_owned).to_vec();
    Ok(server.with_hosts(hosts).with_routes(routes::router(simulator, guard)))
}
