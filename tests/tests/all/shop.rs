//! A shop: posts events over HTTP, and reads the sessions of its users.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tierlift_core::policy::{PlanConfig, Policy, PolicyConfig};
use tierlift_testkit::webhook;

use crate::{
    pipeline::drained,
    server::{START, TestServer},
};

/// The event types that most tests post.
pub(crate) const CREATED: &str = "customer.subscription.created";
pub(crate) const COMPLETED: &str = "checkout.session.completed";

/// A day in seconds.
pub(crate) const DAY: i64 = 86_400;

/// A server with three roles. Its clock is 1,000 s after the first second.
pub(crate) struct Shop {
    pub(crate) server: TestServer,
    events: AtomicU64,
}

/// `free < paid < pro`: `price_pro` earns `paid`, `price_max` and the lookup key `pro_monthly` earn `pro`.
pub(crate) fn config() -> PolicyConfig {
    PolicyConfig {
        roles: ["free", "paid", "pro"].map(str::to_owned).to_vec(),
        plans: [("price_pro", "paid"), ("price_max", "pro"), ("pro_monthly", "pro")]
            .map(|(key, role)| PlanConfig::new(key, role))
            .to_vec(),
        features: vec![("paid".to_owned(), vec!["export".to_owned()])],
        ..PolicyConfig::default()
    }
}

impl Shop {
    pub(crate) async fn open() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut PolicyConfig)) -> Self {
        let mut config = config();
        change(&mut config);
        let accounts = config.connected_accounts.clone();
        let policy = Policy::new(config).unwrap();
        let server = TestServer::start_with(
            |settings| {
                settings.policy = policy.into();
                settings.connected_accounts = accounts.into();
            },
            |server| server,
        )
        .await;
        Self::on(server)
    }

    /// A shop on a server that has just started.
    pub(crate) fn on(server: TestServer) -> Self {
        server.pass_secs(1_000);
        Self { server, events: AtomicU64::default() }
    }

    /// Posts an event of the second `at`. Returns the answer.
    pub(crate) async fn post(&self, kind: &str, at: i64, object: Value) -> Value {
        self.post_event(kind, at, object, json!({})).await
    }

    /// Posts an event with more fields at its top level, such as `account`.
    pub(crate) async fn post_event(
        &self,
        kind: &str,
        at: i64,
        object: Value,
        more: Value,
    ) -> Value {
        let number = self.events.fetch_add(1, Ordering::SeqCst);
        let id = format!("evt_{number}");
        let mut event = webhook::event(&id, kind, START.plus_secs(at), &object);
        let fields = event.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        let answer = self.server.webhook(&event.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        drained(&self.server).await;
        answer.json()
    }

    /// Posts `customer.subscription.updated` with its previous attributes.
    pub(crate) async fn update(&self, at: i64, object: Value, previous: Value) {
        let data = json!({ "data": { "object": object, "previous_attributes": previous } });
        self.post_event("customer.subscription.updated", at, Value::Null, data).await;
    }

    /// The user's session.
    pub(crate) async fn session(&self, user: &str) -> Value {
        let token = self.server.token(user, 1_000);
        let answer = self.server.get("/session", &token).await;
        answer.assert(200, "");
        answer.json()
    }

    /// Asserts the roles of some users.
    pub(crate) async fn assert_roles(&self, roles: &[(&str, &str)]) {
        for (user, role) in roles {
            assert_eq!(self.session(user).await["role"], *role, "{user}");
        }
    }
}

/// An active subscription of `cus_1` to these prices, for 30 days.
pub(crate) fn subscription(id: &str, user: Option<&str>, prices: &[&str]) -> Value {
    let item = |(index, price): (usize, &&str)| {
        json!({
            "id": format!("si_{index}"), "price": { "id": price }, "quantity": 1,
            "current_period_end": START.as_secs() + 30 * DAY,
        })
    };
    let items: Vec<Value> = prices.iter().enumerate().map(item).collect();
    let metadata = user.map_or(json!({}), |user| json!({ "user_id": user }));
    json!({
        "id": id, "object": "subscription", "customer": "cus_1", "status": "active",
        "items": { "data": items, "has_more": false }, "metadata": metadata,
    })
}

/// A copy with some fields replaced.
#[expect(clippy::needless_pass_by_value, reason = "tests write the changes in place")]
pub(crate) fn with(object: &Value, changes: Value) -> Value {
    let mut object = object.clone();
    object.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    object
}

/// A paid Checkout Session of `cus_1`.
pub(crate) fn session(mode: &str, changes: Value) -> Value {
    let session = json!({
        "id": "cs_1", "object": "checkout.session", "mode": mode, "customer": "cus_1",
        "subscription": null, "payment_intent": null, "payment_status": "paid",
        "client_reference_id": null, "metadata": {},
    });
    with(&session, changes)
}
