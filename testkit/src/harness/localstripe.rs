//! localstripe, a stateful stand-in for Stripe's API, as a child process.

use std::{
    path::Path,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use tierlift_core::stripe::event::Type;

use super::{WEBHOOK_SECRET, client::Client, now, program::Program, tools};

/// The number of a card that pays.
pub const CARD_PAYS: &str = "4242424242424242";
/// Can be attached, but not charged.
pub const CARD_DECLINED: &str = "4000000000000341";

/// A running localstripe.
#[derive(Debug)]
pub struct Localstripe {
    program: Program,
    ids: AtomicUsize,
}

impl Localstripe {
    /// Starts it with two plans and a webhook endpoint.
    pub async fn start(log: &Path, webhook_url: &str) -> Self {
        let mut command = Command::new(tools::python());
        command.arg("-B").arg(tools::script("testkit/localstripe/serve.py"));
        let program = Program::start_with_input(command, log);
        let this = Self { program, ids: 0.into() };
        let webhook = [("url", webhook_url), ("secret", WEBHOOK_SECRET)];
        this.ask("POST", "/_config/webhooks/tierlift", &webhook).await;
        for (plan, product) in [("price_pro", "prod_pro"), ("plan_team_monthly", "prod_team")] {
            this.ask("POST", "/v1/products", &[("id", product), ("name", product)]).await;
            let money = [("amount", "1900"), ("currency", "eur"), ("interval", "month")];
            let plan = [&money[..], &[("id", plan), ("product", product)]].concat();
            this.ask("POST", "/v1/plans", &plan).await;
        }
        this
    }

    /// Scheme and host of its API.
    #[must_use]
    pub fn base(&self) -> String {
        format!("http://{}", self.program.address)
    }

    /// One call of its API.
    pub async fn ask(&self, method: &str, path: &str, form: &[(&str, &str)]) -> Value {
        let pairs: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)))
            .collect();
        let headers = [
            ("authorization", "Bearer sk_test_1234567"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let mut client = Client::connect(self.program.address).await.unwrap();
        let form = pairs.join("&");
        let response = client.ask(method, path, &headers, form.as_bytes()).await.unwrap();
        assert_eq!(response.status, 200, "{method} {path}: {}", response.body);
        serde_json::from_str(&response.body).unwrap_or_default()
    }

    /// A customer with a card, that names its user or does not.
    pub async fn customer(&self, user: Option<&str>, card: &str) -> String {
        let mut form = vec![
            ("source[object]", "card"),
            ("source[number]", card),
            ("source[exp_month]", "12"),
            ("source[exp_year]", "2040"),
            ("source[cvc]", "123"),
        ];
        form.extend(user.map(|user| ("metadata[user_id]", user)));
        id(&self.ask("POST", "/v1/customers", &form).await)
    }

    /// A subscription as a checkout makes one: `subscription_data.metadata` is its metadata.
    pub async fn subscribe(&self, customer: &str, plan: &str, more: &[(&str, &str)]) -> String {
        let form = [&[("customer", customer), ("items[0][plan]", plan)], more].concat();
        id(&self.ask("POST", "/v1/subscriptions", &form).await)
    }

    /// Cancels a subscription at once.
    pub async fn cancel(&self, subscription: &str) {
        self.ask("DELETE", &format!("/v1/subscriptions/{subscription}"), &[]).await;
    }

    /// A subscription as its API returns it.
    pub async fn subscription(&self, subscription: &str) -> Value {
        self.ask("GET", &format!("/v1/subscriptions/{subscription}"), &[]).await
    }

    /// The event that Stripe would have sent for this change.
    #[must_use]
    pub fn updated(&self, object: &Value, previous: &Value) -> Value {
        let number = self.ids.fetch_add(1, Ordering::SeqCst);
        json!({
            "id": format!("evt_updated_{number}"), "object": "event",
            "type": "customer.subscription.updated", "created": now().as_secs(),
            "livemode": false, "data": { "object": object, "previous_attributes": previous },
        })
    }

    /// Every event that tierlift acts on, as its API lists them.
    pub async fn events(&self) -> Vec<Value> {
        let list = self.ask("GET", "/v1/events?limit=1000", &[]).await;
        assert_eq!(list["has_more"], false);
        let all = list["data"].as_array().unwrap().iter();
        all.filter(|event| kind(event).is_some()).cloned().collect()
    }
}

fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).into() } else { format!("%{byte:02X}") })
        .collect()
}

fn id(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

/// The type of an event, if tierlift acts on it.
#[must_use]
pub fn kind(event: &Value) -> Option<Type> {
    Type::parse(event["type"].as_str().unwrap())
}

/// The id of the customer that an event is about.
#[must_use]
pub fn customer_of(event: &Value) -> &str {
    let object = &event["data"]["object"];
    object["customer"].as_str().or(object["id"].as_str()).unwrap()
}
