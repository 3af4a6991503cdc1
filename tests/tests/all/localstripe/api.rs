//! localstripe's API: a child process that is spoken to as to Stripe. It refuses to be skipped.

use std::{
    path::Path,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use tierlift_core::stripe::event::Type;

use crate::{
    process::{Answer, Child, Client, now},
    support::WEBHOOK_SECRET,
};

pub(crate) const CARD_PAYS: &str = "4242424242424242";
/// Can be attached, but not charged.
pub(crate) const CARD_DECLINED: &str = "4000000000000341";

/// A running localstripe.
pub(crate) struct Localstripe {
    child: Child,
    ids: AtomicUsize,
}

impl Localstripe {
    /// Starts it with two plans and a webhook endpoint.
    pub(crate) async fn start(log: &Path, webhook_url: &str) -> Self {
        let script = std::env::var_os("TIERLIFT_LOCALSTRIPE");
        let script = script.expect("TIERLIFT_LOCALSTRIPE is not set: run `make test`");
        let python = Path::new(&script).with_file_name("python");
        assert!(python.exists(), "{} is missing: run `make test`", python.display());
        let mut command = Command::new(python);
        command.arg("-B").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/localstripe/serve.py"));
        let child = Child::start(command, log, |line| {
            Some(([127, 0, 0, 1], line.trim().parse().ok()?).into())
        });
        let this = Self { child, ids: 0.into() };
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

    /// One call of its API.
    pub(crate) async fn ask(&self, method: &str, path: &str, form: &[(&str, &str)]) -> Value {
        let Answer { status, body } = self.try_ask(method, path, form).await;
        assert_eq!(status, 200, "{method} {path}: {body}");
        serde_json::from_str(&body).unwrap_or_default()
    }

    async fn try_ask(&self, method: &str, path: &str, form: &[(&str, &str)]) -> Answer {
        let pairs: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)))
            .collect();
        let headers = [
            ("authorization", "Bearer sk_test_1234567"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let mut client = Client::connect(self.child.address).await.unwrap();
        client.ask(method, path, &headers, pairs.join("&").as_bytes()).await.unwrap()
    }

    /// A customer with a card, that names its user or does not.
    pub(crate) async fn customer(&self, user: Option<&str>, card: &str) -> String {
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
    pub(crate) async fn subscribe(
        &self,
        customer: &str,
        plan: &str,
        more: &[(&str, &str)],
    ) -> String {
        let form = [&[("customer", customer), ("items[0][plan]", plan)], more].concat();
        id(&self.ask("POST", "/v1/subscriptions", &form).await)
    }

    pub(crate) async fn cancel(&self, subscription: &str) {
        self.ask("DELETE", &format!("/v1/subscriptions/{subscription}"), &[]).await;
    }

    pub(crate) async fn subscription(&self, subscription: &str) -> Value {
        self.ask("GET", &format!("/v1/subscriptions/{subscription}"), &[]).await
    }

    /// The event that Stripe would have sent for this change.
    pub(crate) fn updated(&self, object: &Value, previous: &Value) -> Value {
        let number = self.ids.fetch_add(1, Ordering::SeqCst);
        json!({
            "id": format!("evt_updated_{number}"), "object": "event",
            "type": "customer.subscription.updated", "created": now().as_secs(),
            "livemode": false, "data": { "object": object, "previous_attributes": previous },
        })
    }

    /// Every event that tierlift acts on, as its API lists them.
    pub(crate) async fn events(&self) -> Vec<Value> {
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

pub(crate) fn kind(event: &Value) -> Option<Type> {
    Type::parse(event["type"].as_str().unwrap())
}

pub(crate) fn customer_of(event: &Value) -> &str {
    let object = &event["data"]["object"];
    object["customer"].as_str().or(object["id"].as_str()).unwrap()
}
