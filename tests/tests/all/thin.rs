//! Thin events: what they name is retrieved and applied under their ids, at once and then for certain.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tierlift_core::{
    codes::Code,
    explain::Prediction,
    observation::Because,
    policy::Policy,
    ports::{DeadLetters as _, Store as _},
};
use tierlift_embedded::Db;
use tierlift_operations::Desk;
use tierlift_stripe::{Client, Key, Settings};
use tierlift_testkit::{
    clock::ManualClock,
    facts::event_id,
    harness::eventually,
    stripe_api::{Fault, StripeApi},
    webhook,
};

use crate::{
    pipeline::drained,
    server::{START, TestServer},
    shop::{self, COMPLETED, CREATED, Shop, with},
};

const KEY: &str = "rk_test_1234567";
const UPDATED: &str = "customer.subscription.updated";

/// A shop whose server has a key, and Stripe; both go by one clock.
struct Thin {
    api: StripeApi,
    clock: ManualClock,
    shop: Shop,
}

impl Thin {
    async fn open() -> Self {
        Self::with_share(100).await
    }

    async fn with_share(share_percent: u32) -> Self {
        let clock = ManualClock::new(START);
        let api = StripeApi::start(KEY, clock.clock());
        let settings = Settings { base: api.base(), ..Settings::new(Key::parse(KEY).unwrap()) };
        let client = Arc::new(Client::new(Settings { share_percent, ..settings }));
        let server = TestServer::open(
            clock.clone(),
            |settings, _| settings.policy = Policy::new(shop::config()).unwrap().into(),
            |server| server.with_fetcher(client),
        )
        .await;
        Self { api, clock, shop: Shop::on(server) }
    }

    /// The second that it is, after [`START`].
    fn second(&self) -> i64 {
        self.clock.now().as_secs() - START.as_secs()
    }

    /// Posts the thin form of an event that happens now.
    async fn post(&self, id: &str, kind: &str, object: &Value, twin: Option<&str>) {
        let snapshot = webhook::event(id, kind, self.clock.now(), object);
        self.deliver(&webhook::thin(&snapshot, twin)).await;
    }

    async fn deliver(&self, thin: &Value) {
        let answer = self.shop.server.webhook(&thin.to_string()).await;
        assert_eq!(&*answer.body, r#"{"status":"accepted"}"#);
    }

    /// What operators see.
    fn desk(&self) -> Desk<Db> {
        let policy = Policy::new(shop::config()).unwrap().into();
        let (backend, clock) = (self.shop.server.db.clone(), self.clock.clock());
        Desk { backend, policy, clock, has_worker: true }
    }

    /// Lets seconds pass until everything that is queued is settled.
    async fn settle(&self) {
        eventually("the queue is empty", async || {
            self.clock.advance(Duration::from_secs(1));
            self.shop.server.db.depth().await.unwrap().queued == 0
        })
        .await;
    }

    async fn role(&self) -> String {
        self.shop.session("ada").await["role"].as_str().unwrap().to_owned()
    }
}

fn subscription(status: &str) -> Value {
    let subscription = shop::subscription("sub_1", Some("ada"), &["price_pro"]);
    with(&subscription, json!({ "status": status, "created": START.as_secs(), "livemode": false }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thin_event_counts_at_once_and_is_settled_when_its_second_is_over() {
    let thin = Thin::open().await;
    thin.api.put(subscription("active"));
    thin.post("evt_1", CREATED, &subscription("active"), None).await;
    eventually("the first look counts", async || thin.role().await == "paid").await;
    assert_eq!(thin.shop.server.db.ledger(&event_id("evt_1")).await.unwrap(), None);
    thin.settle().await;
    let row = thin.shop.server.db.ledger(&event_id("evt_1")).await.unwrap().unwrap();
    assert_eq!(row.because, Some(Because::Thin));
    assert_eq!(thin.shop.session("ada").await["revocationId"], 1);
    assert_eq!(thin.api.targets(), ["/v1/subscriptions/sub_1"; 2]);
    // The same delivery once more.
    thin.post("evt_1", CREATED, &subscription("active"), None).await;
    drained(&thin.shop.server).await;
    assert_eq!(thin.api.targets().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_changes_in_one_second_end_as_stripe_has_them() {
    for (first, last, role) in [("active", "unpaid", "free"), ("unpaid", "active", "paid")] {
        let thin = Thin::open().await;
        for (id, status) in [("evt_1", first), ("evt_2", last)] {
            thin.api.put(subscription(status));
            thin.post(id, UPDATED, &subscription(status), None).await;
        }
        thin.settle().await;
        assert_eq!(thin.role().await, role);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_about_one_object_costs_two_requests() {
    let thin = Thin::open().await;
    thin.api.put(subscription("active"));
    for number in 0..50 {
        thin.post(&format!("evt_{number}"), UPDATED, &subscription("active"), None).await;
    }
    thin.settle().await;
    assert_eq!(thin.role().await, "paid");
    let count = thin.api.targets().len();
    assert!((1..=2).contains(&count), "{count}");
    for number in 0..50 {
        let row = thin.shop.server.db.ledger(&event_id(&format!("evt_{number}"))).await.unwrap();
        assert!(row.is_some(), "{number}");
    }
}

/// A thousand events in one second about forty subscriptions, each of which changes while they come.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_events_in_a_second_stay_below_stripes_limit_and_end_right() {
    const OBJECTS: usize = 40;
    const EVENTS: usize = 1_000;
    let thin = Thin::with_share(80).await;
    thin.api.limit(25);
    let object = |number: usize, status: &str| {
        let id = format!("sub_{number}");
        let sold = shop::subscription(&id, Some(&format!("user{number}")), &["price_pro"]);
        with(
            &sold,
            json!({ "status": status, "created": START.as_secs(), "livemode": false,
            "customer": format!("cus_{number}") }),
        )
    };
    for number in 0..OBJECTS {
        thin.api.put(object(number, "active"));
    }
    let posted = (0..EVENTS).map(async |number| {
        let of = number % OBJECTS;
        if number / OBJECTS == EVENTS / OBJECTS / 2 && of.is_multiple_of(4) {
            thin.api.put(object(of, "unpaid"));
        }
        thin.post(&format!("evt_{number}"), UPDATED, &object(of, "active"), None).await;
    });
    join_all(posted).await;
    thin.settle().await;
    for number in 0..OBJECTS {
        let role = thin.shop.session(&format!("user{number}")).await["role"].clone();
        let expected = if number.is_multiple_of(4) { "free" } else { "paid" };
        assert_eq!(role, expected, "user{number}");
    }
    for number in 0..EVENTS {
        let row = thin.shop.server.db.ledger(&event_id(&format!("evt_{number}"))).await.unwrap();
        assert!(row.is_some(), "{number}");
    }
    let asked = thin.api.targets().len();
    eprintln!("{EVENTS} thin events about {OBJECTS} objects: {asked} requests");
    assert_eq!(thin.api.limited(), 0);
    assert!(asked <= 3 * OBJECTS, "{asked} requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_event_and_its_snapshot_twin_the_second_changes_nothing() {
    let thin = Thin::open().await;
    thin.api.put(subscription("active"));
    let at = thin.second();
    let snapshot = webhook::event("evt_snap", CREATED, thin.clock.now(), &subscription("active"));
    assert_eq!(thin.shop.server.webhook(&snapshot.to_string()).await.status, 200);
    drained(&thin.shop.server).await;
    let before = thin.shop.session("ada").await;
    thin.post("evt_thin", CREATED, &subscription("active"), Some("evt_snap")).await;
    thin.settle().await;
    assert_eq!(thin.shop.session("ada").await, before);
    assert_eq!(thin.api.targets(), [""; 0]);

    // The other way round.
    let thin = Thin::open().await;
    thin.api.put(subscription("active"));
    thin.post("evt_thin", CREATED, &subscription("active"), Some("evt_snap")).await;
    thin.settle().await;
    let before = thin.shop.session("ada").await;
    assert_eq!(before["role"], "paid");
    thin.shop.post(CREATED, at, subscription("active")).await;
    assert_eq!(thin.shop.session("ada").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_stripe_fails_thin_events_stay_queued_and_others_are_applied() {
    let thin = Thin::open().await;
    thin.api.put(subscription("active"));
    thin.api.fail_all(Some(Fault::Status(401)));
    thin.post("evt_1", CREATED, &subscription("active"), None).await;
    eventually("it was asked for", async || !thin.api.targets().is_empty()).await;
    let bob = shop::subscription("sub_2", Some("bob"), &["price_max"]);
    let bob = webhook::event("evt_2", CREATED, thin.clock.now(), &bob);
    assert_eq!(thin.shop.server.webhook(&bob.to_string()).await.status, 200);
    eventually("others go on", async || thin.shop.session("bob").await["role"] == "pro").await;
    eventually("only the thin one is queued", async || {
        let depth = thin.shop.server.db.depth().await.unwrap();
        (depth.queued, depth.dead) == (1, 0)
    })
    .await;
    thin.api.fail_all(None);
    thin.settle().await;
    assert_eq!(thin.role().await, "paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_object_is_retrieved() {
    let thin = Thin::open().await;
    let session = shop::session(
        "payment",
        json!({ "client_reference_id": "ada", "payment_intent": "pi_1", "status": "complete",
            "created": START.as_secs(), "livemode": false,
            "line_items": { "data": [{ "id": "li_1", "price": { "id": "price_max" },
                "quantity": 1 }], "has_more": false } }),
    );
    thin.api.put(session.clone());
    thin.post("evt_1", COMPLETED, &session, None).await;
    thin.settle().await;
    assert_eq!(thin.role().await, "pro");
    let charge = json!({ "id": "ch_1", "object": "charge", "payment_intent": "pi_1", "amount": 900,
        "amount_refunded": 900, "refunded": true, "livemode": false, "customer": "cus_1" });
    let refund = json!({ "id": "re_1", "object": "refund", "charge": "ch_1",
        "payment_intent": "pi_1", "amount": 900, "status": "succeeded" });
    for (id, kind, object) in
        [("evt_2", "charge.refunded", &charge), ("evt_3", "refund.updated", &refund)]
    {
        thin.api.put(object.clone());
        thin.post(id, kind, object, None).await;
        thin.settle().await;
        assert_eq!(thin.role().await, "free", "{kind}");
    }
    assert_eq!(thin.shop.server.db.depth().await.unwrap().dead, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_retrieved_is_a_dead_letter_with_its_cause() {
    let thin = Thin::open().await;
    let unmapped = shop::subscription("sub_2", Some("ada"), &["price_other"]);
    thin.api.put(with(&unmapped, json!({ "created": START.as_secs(), "livemode": false })));
    let summary = json!({ "id": "cus_1", "object": "entitlements.active_entitlement_summary" });
    for (id, object, livemode, cause) in [
        ("evt_missing", subscription("active"), false, Code::EventThin),
        ("evt_unmapped", unmapped, false, Code::PlanUnmapped),
        ("evt_live", subscription("active"), true, Code::LivemodeMismatch),
        ("evt_summary", summary, false, Code::EventThin),
    ] {
        let snapshot = webhook::event(id, UPDATED, thin.clock.now(), &object);
        let event = with(&webhook::thin(&snapshot, None), json!({ "livemode": livemode }));
        thin.deliver(&event).await;
        thin.settle().await;
        let letter = thin.shop.server.db.get(&event_id(id)).await.unwrap().unwrap();
        assert_eq!(letter.failure.cause, cause, "{id}");
    }
    assert_eq!(thin.shop.server.db.depth().await.unwrap().dead, 4, "a first look parks nothing");
    // A dry run says what would be asked for, and asks nothing.
    let asked = thin.api.targets().len();
    for (id, expected) in [
        ("evt_unmapped", Ok("sub_2")),
        ("evt_live", Err(Code::LivemodeMismatch)),
        ("evt_summary", Err(Code::EventThin)),
    ] {
        let shown = thin.desk().show(&event_id(id)).await.unwrap();
        let predicted = match shown.redrive {
            Prediction::Asks { ref object } => Ok(object.as_str()),
            Prediction::Fails { cause, .. } => Err(cause),
            other => panic!("{id}: {other:?}"),
        };
        assert_eq!(predicted, expected, "{id}");
    }
    assert_eq!(thin.api.targets().len(), asked);
    // Another price: the dead letter can be redriven, and changes nothing more.
    let mapped = with(&subscription("active"), json!({ "id": "sub_2" }));
    thin.api.put(mapped.clone());
    thin.post("evt_mapped", UPDATED, &mapped, None).await;
    thin.settle().await;
    let before = thin.shop.session("ada").await;
    assert_eq!(before["role"], "paid");
    assert!(thin.shop.server.db.redrive(&event_id("evt_unmapped")).await.unwrap());
    thin.settle().await;
    assert_eq!(thin.shop.server.db.depth().await.unwrap().dead, 3);
    assert_eq!(thin.shop.session("ada").await, before);
}
