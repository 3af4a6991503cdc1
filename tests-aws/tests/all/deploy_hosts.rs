//! Organisations, and the feed of changes, of a deployed stack: what every backend promises to hosts.

use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::json;
use tierlift_testkit::{
    harness::{
        client::{Request, Response},
        eventually, now,
        socket::{Socket, protocols},
    },
    webhook,
};
use tierlift_tests::{
    changes,
    deployment::{Deployment, SERVICE_TOKEN},
    organisation_tests,
};

use super::{
    deploy::{Stack, template},
    emulator::Emulator,
    person::{ACTS, Person},
};

struct Host {
    stack: Stack,
    /// Seconds since the stack was there, as Stripe counts them: each event has one of its own.
    events: AtomicI64,
}

async fn start() -> Host {
    let emulator = Emulator::with_policies();
    let input = json!({ "Name": "services", "SecretString": format!("web:{SERVICE_TOKEN}") });
    let secret = emulator.call("secretsmanager.CreateSecret", &input).await;
    let services = format!("ServiceTokensArn={}", secret["ARN"].as_str().unwrap());
    let parameters = [&*services, "AccountClaims=sub,org_id"];
    let stack = Stack::start_on(emulator, &template(), &parameters).await;
    Host { stack, events: AtomicI64::new(-60) }
}

impl Deployment for Host {
    fn path(&self, route: &str) -> String {
        self.stack.api_path(route)
    }

    async fn send(&self, request: Request<'_>) -> Response {
        self.stack.send(request).await
    }

    async fn socket(&self, token: &str) -> Socket {
        self.stack.try_socket(&protocols(token), None).await.unwrap()
    }

    async fn subscription(&self, account: &str, status: &str) {
        let second = self.events.fetch_add(1, Ordering::SeqCst);
        let id = format!("evt_{account}_{}", second.unsigned_abs());
        let event = webhook::subscription(&id, account, status, now().plus_secs(second));
        let event = if second == -60 { event } else { webhook::updated(event, None) };
        self.stack.accepts(&event).await;
    }

    async fn revoke(&self, account: &str) {
        let eve = Person::with(&self.stack, "eve", &ACTS).await;
        eve.run(&format!("revoke {account} --reason contract_ended"), 0);
    }

    async fn next_second(&self) {
        let then = now().plus_secs(1);
        eventually("a second has passed", async || now() >= then).await;
    }
}

organisation_tests!(start());

#[tokio::test]
async fn changes_are_followed_in_order_and_without_a_gap() {
    changes::changes_are_followed_in_order_and_without_a_gap(&start().await).await;
}
