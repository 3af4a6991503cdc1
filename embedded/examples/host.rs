//! A small host application: its own axum routes, one of them for paying users only, and tierlift in the
//! same process.
//!
//! `cargo run -p tierlift-embedded --example host` listens on 127.0.0.1 and prints the requests that
//! take a user from the free role to the paid one. It needs neither a Stripe account nor a real key, and
//! forgets everything when it ends.

#![expect(clippy::print_stdout, reason = "an example talks to the person who runs it")]

use std::{error::Error, path::Path};

use axum::{Extension, Router, routing::get};
use tierlift_core::{
    id::UserId,
    policy::{PlanConfig, Policy, PolicyConfig},
    stripe::signature::{self, Secrets},
    time::{Clock, Timestamp},
    token::{Secret, ServiceTokens, TokenKeys},
    wire::session::Session,
};
use tierlift_embedded::{Server, Settings, Timeouts, system_clock};
use tokio::net::TcpListener;

const ADDRESS: &str = "127.0.0.1:8484";
/// The endpoint's signing secret, which Stripe shows when the endpoint is registered.
const WEBHOOK_SECRET: &str = "whsec_of_this_example_alone";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let clock = system_clock();
    let server = Server::open(settings(folder.path(), clock.clone())?).await?;
    // A host issues the token after it has authenticated the person by its own means.
    let token = server.access().issue(&UserId::new("ada")?).await?.access_token;
    let routes = Router::new()
        .route("/reports", get(reports))
        .layer(server.guard("paid")?)
        .route("/", get(async || "a page for everybody\n"));
    let listener = TcpListener::bind(ADDRESS).await?;
    print_requests(&token, clock.now());
    let ctrl_c = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    server.with_routes(routes).run(listener, ctrl_c).await?;
    Ok(())
}

/// A route behind the guard: the guard passes the session on.
async fn reports(Extension(session): Extension<Session>) -> String {
    format!("reports for {}, whose role is {}\n", session.user_id, session.role)
}

fn settings(folder: &Path, clock: Clock) -> Result<Settings, Box<dyn Error>> {
    let policy = PolicyConfig {
        plans: vec![PlanConfig::new("price_paid", "paid")],
        ..PolicyConfig::default()
    };
    Ok(Settings {
        data: folder.join("tierlift.db"),
        accept_data_loss: false,
        policy: Policy::new(policy)?.into(),
        connected_accounts: Vec::new().into(),
        secrets: Secrets::parse(WEBHOOK_SECRET)?,
        keys: TokenKeys::new(Some(Secret::new("an example secret, not for production")?)),
        jwks_url: None,
        service_tokens: ServiceTokens::default(),
        authorize_cookie: None,
        stale_ok_seconds: 0,
        allowed_origins: Vec::new(),
        clock,
        timeouts: Timeouts::default(),
    })
}

fn print_requests(token: &str, now: Timestamp) {
    let body = subscription_created(now);
    let signature = signature::sign(WEBHOOK_SECRET, body.as_bytes(), now);
    println!(
        "\
Listening on http://{ADDRESS}; Ctrl-C ends it. In another terminal:

# 1. Ada is signed in and has not paid: 403 role.required.
TOKEN={token}
curl -i -H \"Authorization: Bearer $TOKEN\" http://{ADDRESS}/reports

# 2. Stripe reports her subscription. The signature is valid for five minutes.
curl -i -H 'Stripe-Signature: {signature}' -d '{body}' \\
  -H 'Content-Type: application/json' http://{ADDRESS}/webhooks/stripe

# 3. Her role changed, so the token is stale: she exchanges it.
TOKEN=$(curl -s -X POST -H \"Authorization: Bearer $TOKEN\" http://{ADDRESS}/session/refresh |
  sed 's/.*\"accessToken\":\"\\([^\"]*\\)\".*/\\1/')

# 4. Now the first request is answered.
curl -i -H \"Authorization: Bearer $TOKEN\" http://{ADDRESS}/reports
"
    );
}

/// The event that Stripe sends when a checkout has created a subscription.
fn subscription_created(now: Timestamp) -> String {
    let (created, period_end) = (now.as_secs(), now.plus_days(30).as_secs());
    format!(
        r#"{{"id":"evt_1","type":"customer.subscription.created","created":{created},"livemode":false,"data":{{"object":{{"id":"sub_1","customer":"cus_1","status":"active","metadata":{{"user_id":"ada"}},"items":{{"data":[{{"id":"si_1","price":{{"id":"price_paid"}},"current_period_end":{period_end}}}]}}}}}}}}"#
    )
}
