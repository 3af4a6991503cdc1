//! `POST /session/confirm`: a page that is back from a checkout gets what it paid for before its webhook comes,
//! once for all its tabs, and whatever Stripe does the answer is the session as it is committed.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tierlift_core::{
    limits::{CONFIRM_INTERVAL_SECS, CONFIRMS_PER_USER_MAX},
    policy::Policy,
    ports::DeadLetters as _,
};
use tierlift_stripe::{Client, Key, Settings};
use tierlift_testkit::{
    clock::ManualClock,
    harness::{
        NEVER_STALE,
        client::{Request, Response},
    },
    stripe_api::{Fault, StripeApi},
};

use crate::{
    server::{START, TestServer},
    shop::{self, COMPLETED, CREATED, Shop, with},
};

const KEY: &str = "rk_test_1234567";

/// A shop whose server has a key, and the Stripe that it asks. A page waits until Stripe has answered.
struct Asking {
    api: StripeApi,
    shop: Shop,
}

impl Asking {
    async fn open() -> Self {
        Self::with_wait(Duration::from_mins(1)).await
    }

    async fn with_wait(wait: Duration) -> Self {
        let api = StripeApi::start(KEY, ManualClock::new(START.plus_secs(1_000)).clock());
        let settings = Settings { base: api.base(), ..Settings::new(Key::parse(KEY).unwrap()) };
        let client = std::sync::Arc::new(Client::new(Settings { share_percent: 100, ..settings }));
        let server = TestServer::start_with(
            |settings| {
                settings.policy = Policy::new(shop::config()).unwrap().into();
                settings.timeouts.confirm = wait;
            },
            |server| server.with_confirmer(client),
        )
        .await;
        Self { api, shop: Shop::on(server) }
    }

    async fn confirm(&self, user: &str, checkout: &str) -> Response {
        let token = self.shop.server.token(user, NEVER_STALE);
        confirm(&self.shop.server, &token, checkout).await
    }

    /// What Stripe has after `ada` has bought a subscription.
    fn sell(&self) -> [Value; 2] {
        let session = shop::session(
            "subscription",
            json!({ "client_reference_id": "ada", "subscription": "sub_1", "status": "complete",
                "created": START.as_secs(), "livemode": false }),
        );
        let subscription = with(
            &shop::subscription("sub_1", None, &["price_pro"]),
            json!({ "created": START.as_secs(), "livemode": false }),
        );
        for object in [&session, &subscription] {
            self.api.put(object.clone());
        }
        [session, subscription]
    }
}

async fn confirm(server: &TestServer, token: &str, checkout: &str) -> Response {
    let body = json!({ "checkoutSessionId": checkout }).to_string();
    send(server, token, body.as_bytes()).await
}

async fn send(server: &TestServer, token: &str, body: &[u8]) -> Response {
    server.send(Request::new("POST", "/session/confirm").bearer(token).body(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_checkout_is_applied_without_its_webhook_and_a_later_one_changes_nothing() {
    let asking = Asking::open().await;
    let [session, subscription] = asking.sell();
    let token = asking.shop.server.token("ada", 0);
    let answer = confirm(&asking.shop.server, &token, "cs_1").await;
    answer.assert(200, "");
    let confirmed = answer.json();
    assert_eq!((&confirmed["role"], &confirmed["revocationId"]), (&json!("paid"), &json!(1)));
    assert_eq!(confirmed["status"], "active");
    assert_eq!(answer.headers["cache-control"], "no-store");
    asking.shop.post(COMPLETED, 0, session).await;
    asking.shop.post(CREATED, 0, subscription).await;
    assert_eq!(asking.shop.session("ada").await, confirmed);
    assert_eq!(asking.api.targets().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_who_paid_once_gets_what_the_line_items_earn() {
    let asking = Asking::open().await;
    let items = json!([{ "id": "li_1", "price": { "id": "price_max" }, "quantity": 1 }]);
    asking.api.put(shop::session(
        "payment",
        json!({ "metadata": { "userId": "ada" }, "customer": null, "payment_intent": "pi_1",
            "status": "complete", "created": START.as_secs(), "livemode": false,
            "line_items": { "object": "list", "data": items, "has_more": false } }),
    ));
    let answer = asking.confirm("ada", "cs_1").await;
    answer.assert(200, "");
    assert_eq!(answer.json()["role"], "pro");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_a_users_by_whatever_names_them() {
    let names = [
        ("its subscription", json!({ "user_id": "ada" }), json!({})),
        ("its customer", json!({}), json!({ "user_id": "ada" })),
    ];
    for (what, of_subscription, of_customer) in names {
        let asking = Asking::open().await;
        let [session, subscription] = asking.sell();
        asking.api.put(with(&session, json!({ "client_reference_id": null })));
        asking.api.put(with(&subscription, json!({ "metadata": of_subscription })));
        asking.api.put(json!({ "id": "cus_1", "object": "customer", "metadata": of_customer,
            "livemode": false }));
        let answer = asking.confirm("ada", "cs_1").await;
        answer.assert(200, "");
        assert_eq!(answer.json()["role"], "paid", "{what}");
    }
    // It names nobody, and the customer is known to be hers.
    let asking = Asking::open().await;
    let [session, subscription] = asking.sell();
    asking.api.put(with(&session, json!({ "client_reference_id": null })));
    let items = shop::subscription("sub_1", None, &["price_max"])["items"].clone();
    asking.api.put(with(&subscription, json!({ "items": items })));
    asking.confirm("bob", "cs_1").await.assert(403, "checkout.foreign");
    asking.shop.post(CREATED, -9, shop::subscription("sub_0", Some("ada"), &["price_pro"])).await;
    let answer = asking.confirm("ada", "cs_1").await;
    answer.assert(200, "");
    assert_eq!(answer.json()["role"], "pro");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_users_paid_checkout_is_refused_and_changes_nothing() {
    let asking = Asking::open().await;
    let [session, _] = asking.sell();
    for (id, changes) in [
        ("cs_unpaid", json!({ "payment_status": "unpaid" })),
        ("cs_open", json!({ "status": "open" })),
        ("cs_expired", json!({ "status": "expired", "payment_status": "unpaid" })),
    ] {
        asking.api.put(with(&with(&session, changes), json!({ "id": id })));
        asking.confirm("ada", id).await.assert(409, "checkout.unpaid");
    }
    asking.confirm("bob", "cs_1").await.assert(403, "checkout.foreign");
    asking.confirm("ada", "cs_missing").await.assert(404, "checkout.not_found");
    assert_eq!(asking.shop.server.db.depth().await.unwrap().queued, 0);
    asking.shop.assert_roles(&[("ada", "free"), ("bob", "free")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_stripe_is_slow_the_page_gets_what_is_committed_and_the_rest_is_pushed() {
    let asking = Asking::with_wait(Duration::from_millis(1)).await;
    asking.sell();
    let [mut socket] = asking.shop.server.sockets(["ada"]).await;
    asking.api.hold();
    let answer = asking.confirm("ada", "cs_1").await;
    answer.assert(200, "");
    assert_eq!(answer.json()["role"], "free");
    asking.api.release();
    socket.reach(1).await;
    assert_eq!(asking.shop.session("ada").await["role"], "paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_stripe_fails_the_page_gets_what_is_committed() {
    let faults = [
        Fault::Status(500),
        Fault::Status(401),
        Fault::RateLimited { retry_after_secs: Some(60) },
        Fault::Dropped,
        Fault::Garbled,
        Fault::Undated,
        Fault::Swapped { target: "/v1/subscriptions/sub_1".to_owned() },
    ];
    for fault in faults {
        let asking = Asking::open().await;
        let [session, subscription] = asking.sell();
        asking.api.fail_all(Some(fault.clone()));
        let answer = asking.confirm("ada", "cs_1").await;
        answer.assert(200, "");
        assert_eq!(answer.json()["role"], "free", "{fault:?}");
        asking.shop.post(CREATED, 0, subscription).await;
        asking.shop.post(COMPLETED, 0, session).await;
        assert_eq!(asking.shop.session("ada").await["role"], "paid", "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_applied_is_a_dead_letter_and_holds_up_no_page() {
    let asking = Asking::open().await;
    let [_, subscription] = asking.sell();
    let unmapped = json!({ "data": [{ "id": "si_1", "price": { "id": "price_other" },
        "current_period_end": START.plus_days(30).as_secs() }], "has_more": false });
    asking.api.put(with(&subscription, json!({ "items": unmapped })));
    let answer = asking.confirm("ada", "cs_1").await;
    answer.assert(200, "");
    assert_eq!(answer.json()["role"], "free");
    assert_eq!(asking.shop.server.db.depth().await.unwrap().dead, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_tabs_at_once_cost_one_request() {
    let asking = Asking::open().await;
    asking.sell();
    let answers = join_all((0..20).map(|_| asking.confirm("ada", "cs_1"))).await;
    for answer in answers {
        answer.assert(200, "");
        assert_eq!(answer.json()["role"], "paid");
    }
    assert_eq!(asking.api.targets().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_can_have_stripe_asked_only_so_often() {
    let asking = Asking::open().await;
    let users = CONFIRMS_PER_USER_MAX;
    for number in 0..users {
        let id = format!("cs_missing_{number}");
        asking.confirm("ada", &id).await.assert(404, "checkout.not_found");
    }
    let answer = asking.confirm("ada", "cs_1").await;
    answer.assert(429, "checkout.rate_limited");
    let secs: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=CONFIRM_INTERVAL_SECS).contains(&secs), "{secs}");
    asking.confirm("bob", "cs_1").await.assert(404, "checkout.not_found");
    assert_eq!(asking.api.targets().len(), users as usize + 1);
}

#[tokio::test]
async fn without_a_key_the_page_gets_what_is_committed() {
    let server = TestServer::start().await;
    let token = server.token("ada", 0);
    let answer = confirm(&server, &token, "cs_test_1").await;
    answer.assert(200, "");
    assert_eq!(answer.json(), server.get("/session", &token).await.json());
}

#[tokio::test]
async fn what_names_no_checkout_or_user_is_refused_first() {
    let server = TestServer::start().await;
    let token = server.token("ada", 0);
    for id in ["", "sub_1", "{CHECKOUT_SESSION_ID}", "cs_../v1/customers", "cs_a?expand"] {
        confirm(&server, &token, id).await.assert(400, "body.invalid");
    }
    for body in ["", "[]", "{}", r#"{"checkoutSessionId":7}"#] {
        send(&server, &token, body.as_bytes()).await.assert(400, "body.invalid");
    }
    send(&server, &token, &vec![b' '; 17 * 1024]).await.assert(413, "body.too_large");
    confirm(&server, "", "cs_1").await.assert(401, "token.missing");
    server.subscription("ada", "active").await;
    let mut socket = server.socket(&server.token("ada", 1)).await;
    socket.reach(1).await;
    confirm(&server, &token, "cs_1").await.assert(401, "token.stale");
}
