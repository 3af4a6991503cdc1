//! Asking Stripe about what the events leave open, against the stand-in for its API.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tierlift_core::{
    codes::Code,
    config::Fetch,
    observation::FetchReason,
    policy::{PlanConfig, Policy, PolicyConfig},
    ports::{
        DeadLetters as _, Enqueue as _, FetchList as _, Group, Message, Store as _,
        WaitingList as _,
    },
    stripe::event::Type,
    time::Timestamp,
};
use tierlift_embedded::Offline;
use tierlift_stripe::{Client, Key, Settings};
use tierlift_testkit::{
    clock::ManualClock,
    facts::{customer_id, event_id, policy, user_id},
    harness::eventually,
    stripe_api::{Fault, StripeApi},
    webhook,
};
use tierlift_worker::{fetch::Fetcher, reconcile::Error};

use crate::{asking::Asking, server::TestServer, shop};

const KEY: &str = "rk_test_1234567";
const START: Timestamp = Timestamp::from_secs(1_795_000_000);

struct Shop {
    api: StripeApi,
    clock: ManualClock,
    client: Client,
    offline: Offline,
    fetcher: Fetcher,
    _folder: TempDir,
}

impl Shop {
    async fn open() -> Self {
        Self::under(policy()).await
    }

    async fn under(policy: Policy) -> Self {
        let Asking { api, clock, client, offline, folder } = Asking::open(policy, START).await;
        let fetcher = Fetcher::default();
        Self { api, clock, client, offline, fetcher, _folder: folder }
    }

    /// Enqueues a webhook as ingest does, and waits until it is applied.
    async fn deliver(&self, id: &str, kind: Type, at: i64, data: Value) {
        let event = event_id(id);
        let mut body = webhook::event(id, kind.as_str(), START.plus_secs(at), &Value::Null);
        body["data"] = data;
        let message = Message {
            group: Group::new(&event, Some(&customer_id("cus_1"))),
            event,
            kind,
            received_at: self.clock.now(),
            trace: None,
            body: body.to_string().into(),
        };
        self.offline.db().enqueue(message).await.unwrap();
        assert_eq!(self.offline.drain().await.unwrap(), 0);
    }

    /// One round, whose answers are applied.
    async fn fetch(&mut self) -> Result<usize, Error> {
        let (clock, db) = (self.clock.clock(), self.offline.db());
        let count = self.fetcher.fetch_due(&self.client, db, db, &clock).await;
        let left = self.offline.drain().await.unwrap();
        assert_eq!((left, db.depth().await.unwrap().dead), (0, 0));
        count
    }

    async fn role(&self) -> String {
        let account = self.offline.db().account(&user_id("ada")).await.unwrap();
        account.map_or("free".to_owned(), |account| account.role.to_string())
    }

    async fn due(&self) -> Option<FetchReason> {
        let customer = self.offline.db().customer(&customer_id("cus_1")).await.unwrap();
        customer.and_then(|customer| customer.fetch_due).map(|due| due.because)
    }
}

fn subscription(status: &str) -> Value {
    let item = json!({ "id": "si_1", "price": { "id": "price_pro" }, "quantity": 1,
        "current_period_end": START.plus_days(30).as_secs() });
    json!({ "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": status,
        "livemode": false, "created": START.as_secs() - 60, "metadata": { "user_id": "ada" },
        "items": { "object": "list", "data": [item], "has_more": false } })
}

/// Two events of one second; the one between them is lost.
async fn lose_an_event(shop: &Shop) {
    for (id, from, to) in [("evt_1", "active", "past_due"), ("evt_3", "unpaid", "paused")] {
        let data = json!({ "object": subscription(to), "previous_attributes": { "status": from } });
        shop.deliver(id, Type::SubscriptionUpdated, 0, data).await;
    }
    assert_eq!(shop.due().await, Some(FetchReason::Ambiguous));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ambiguous_second_costs_one_request_once_it_is_over() {
    let mut shop = Shop::open().await;
    lose_an_event(&shop).await;
    shop.api.put(subscription("active"));
    assert_eq!(shop.fetch().await.unwrap(), 0, "the second is not over");
    shop.clock.advance(Duration::from_secs(3));
    assert_eq!(shop.fetch().await.unwrap(), 1);
    assert_eq!((shop.role().await.as_str(), shop.due().await), ("paid", None));
    assert_eq!(shop.offline.db().due(START.plus_days(1), 9).await.unwrap(), []);
    shop.clock.advance(Duration::from_hours(1));
    assert_eq!(shop.fetch().await.unwrap(), 0);
    assert_eq!(shop.api.targets().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_stripe_fails_everybody_stays_due_and_nothing_is_lost() {
    let mut shop = Shop::open().await;
    lose_an_event(&shop).await;
    shop.api.put(subscription("active"));
    shop.clock.advance(Duration::from_secs(3));
    shop.api.fail_all(Some(Fault::Status(401)));
    let error = shop.fetch().await.unwrap_err();
    assert!(matches!(error, Error::Stripe(_)), "{error:?}");
    assert_eq!(shop.due().await, Some(FetchReason::Ambiguous));
    shop.api.fail_all(None);
    assert_eq!(shop.fetch().await.unwrap(), 1);
    assert_eq!(shop.role().await, "paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_about_somebody_else_changes_nobody_and_is_asked_for_again() {
    let mut shop = Shop::open().await;
    lose_an_event(&shop).await;
    shop.api.put(subscription("active"));
    let mut of_eve = subscription("canceled");
    of_eve["id"] = "sub_9".into();
    of_eve["customer"] = "cus_9".into();
    of_eve["metadata"]["user_id"] = "eve".into();
    shop.api.put(of_eve);
    shop.clock.advance(Duration::from_secs(3));
    shop.api.fail_next(Fault::Swapped { target: "/v1/subscriptions/sub_9".to_owned() });
    let before = shop.role().await;
    shop.fetch().await.unwrap();
    assert_eq!((shop.role().await, shop.due().await), (before, Some(FetchReason::Ambiguous)));
    let eve = shop.offline.db().customer(&customer_id("cus_9")).await.unwrap();
    assert_eq!(eve, None);
    shop.clock.advance(Duration::from_mins(1));
    assert_eq!(shop.fetch().await.unwrap(), 1);
    assert_eq!((shop.role().await.as_str(), shop.due().await), ("paid", None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_answer_does_not_settle_is_asked_for_less_and_less_often() {
    let mut shop = Shop::open().await;
    lose_an_event(&shop).await;
    // Stripe does not know it.
    let mut asked = Vec::new();
    for second in 0..=300 {
        if shop.fetch().await.unwrap() > 0 {
            asked.push(second);
        }
        shop.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(asked, [2, 32, 92, 212]);
    assert_eq!(shop.due().await, Some(FetchReason::Ambiguous));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_asked_for_its_line_items() {
    for (customer, group) in [(json!("cus_1"), "cus_1"), (Value::Null, "pi_1")] {
        let mut shop = Shop::open().await;
        let mut session = json!({ "id": "cs_1", "object": "checkout.session", "mode": "payment",
            "status": "complete", "created": START.as_secs(), "customer": customer,
            "subscription": null, "payment_intent": "pi_1", "payment_status": "paid",
            "livemode": false, "client_reference_id": "ada" });
        shop.deliver("evt_1", Type::CheckoutCompleted, 0, json!({ "object": session })).await;
        assert_eq!(shop.role().await, "free");
        let items = json!([{ "id": "li_1", "price": { "id": "price_pro" }, "quantity": 1 }]);
        session["line_items"] = json!({ "object": "list", "data": items, "has_more": false });
        shop.api.put(session);
        assert_eq!(shop.fetch().await.unwrap(), 1, "{group}");
        assert_eq!(shop.role().await, "paid", "{group}");
        assert_eq!(shop.offline.db().due(START.plus_days(1), 9).await.unwrap(), []);
        let known = shop.offline.db().customer(&customer_id(group)).await.unwrap();
        assert_eq!(known.unwrap().fetch_due, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_always_asked_for_is_due_with_every_event_until_a_later_answer() {
    let plans = vec![PlanConfig::new("price_pro", "paid")];
    let config = PolicyConfig { plans, fetch: Fetch::Always, ..PolicyConfig::default() };
    let mut shop = Shop::under(Policy::new(config).unwrap()).await;
    let updated = |at: i64| {
        let mut active = subscription("active");
        active["metadata"]["at"] = json!(at.to_string());
        json!({ "object": active })
    };
    for at in 0..3 {
        shop.deliver(&format!("evt_{at}"), Type::SubscriptionUpdated, at, updated(at)).await;
    }
    assert_eq!(
        (shop.role().await.as_str(), shop.due().await),
        ("paid", Some(FetchReason::Unobserved))
    );
    // The event about its end is lost.
    shop.api.put(subscription("unpaid"));
    shop.clock.advance(Duration::from_secs(9));
    assert_eq!(shop.fetch().await.unwrap(), 1);
    assert_eq!((shop.role().await.as_str(), shop.due().await), ("free", None));
    shop.clock.advance(Duration::from_hours(1));
    assert_eq!(shop.fetch().await.unwrap(), 0);
    assert_eq!(shop.api.targets().len(), 1);
    shop.deliver("evt_9", Type::SubscriptionUpdated, 20, updated(20)).await;
    assert_eq!(shop.due().await, Some(FetchReason::Unobserved));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_refunded_payment_paid_for_is_asked_for_once() {
    let session = json!({ "id": "cs_1", "object": "checkout.session", "mode": "payment",
        "status": "complete", "created": START.as_secs(), "customer": "cus_1", "subscription": null,
        "payment_intent": "pi_1", "payment_status": "paid", "livemode": false,
        "client_reference_id": "ada" });
    let payment = json!({ "id": "inpay_1", "object": "invoice_payment", "invoice": "in_1",
        "status": "paid", "livemode": false,
        "payment": { "type": "payment_intent", "payment_intent": "pi_1" } });
    let invoice = json!({ "id": "in_1", "object": "invoice", "customer": "cus_1", "livemode": false,
        "status": "paid", "created": START.as_secs(), "lines": { "data": [] }, "amount_paid": 900,
        "parent": { "type": "subscription_details",
            "subscription_details": { "subscription": "sub_1" } } });
    for (what, objects, requests) in [
        ("a purchase", vec![session], 1),
        ("an invoice", vec![payment, invoice], 3),
        ("neither", vec![], 2),
    ] {
        let mut shop = Shop::open().await;
        let charge = json!({ "id": "ch_1", "object": "charge", "payment_intent": "pi_1",
            "amount": 900, "amount_refunded": 900, "refunded": true });
        shop.deliver("evt_1", Type::ChargeRefunded, 0, json!({ "object": charge })).await;
        let waits = async |shop: &Shop| {
            let waiting = shop.offline.db().waiting(9).await.unwrap();
            waiting.iter().filter(|waiting| waiting.cause == Code::PaymentUnlinked).count()
        };
        assert_eq!(waits(&shop).await, 1, "{what}");
        let is_known = !objects.is_empty();
        for object in objects {
            shop.api.put(object);
        }
        shop.clock.advance(Duration::from_secs(3));
        for asked in [1, 0] {
            let (clock, db) = (shop.clock.clock(), shop.offline.db());
            let count = shop.fetcher.fetch_payments(&shop.client, db, db, &clock).await.unwrap();
            assert_eq!(count, asked, "{what}");
            assert_eq!(shop.offline.drain().await.unwrap(), 0, "{what}");
        }
        assert_eq!(waits(&shop).await, usize::from(!is_known), "{what}");
        assert_eq!(shop.api.targets().len(), requests, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_asks_by_itself() {
    let api = StripeApi::start(KEY, ManualClock::new(START).clock());
    let settings = Settings { base: api.base(), ..Settings::new(Key::parse(KEY).unwrap()) };
    let client = Client::new(settings);
    let server = TestServer::start_with(|_| {}, |server| server.with_fetcher(client)).await;
    let shop = shop::Shop::on(server);
    let session = shop::session(
        "payment",
        json!({ "client_reference_id": "ada", "payment_intent": "pi_1", "status": "complete",
            "created": START.as_secs(), "livemode": false }),
    );
    let items = json!([{ "id": "li_1", "price": { "id": "price_pro" }, "quantity": 1 }]);
    let mut shown = session.clone();
    shown["line_items"] = json!({ "object": "list", "data": items, "has_more": false });
    api.put(shown);
    shop.post(shop::COMPLETED, 0, session).await;
    eventually("the line items are known", async || shop.session("ada").await["role"] == "paid")
        .await;
    assert_eq!(api.targets().len(), 1);
}
