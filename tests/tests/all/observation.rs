//! Observations through the queue of a running server: what Stripe's API answered beside what it sent.

use serde_json::{Value, json};
use tierlift_core::{
    codes::Code,
    observation::{Because, FetchReason, Observed, Window},
    ports::{DeadLetters as _, Due, Enqueue as _, Enqueued, FetchList as _, Message, Store as _},
    stripe::observation,
};
use tierlift_testkit::facts::customer_id;

use crate::{
    pipeline::drained,
    server::START,
    shop::{COMPLETED, CREATED, Shop, session, subscription, with},
};

/// The message of an answer as of a second of the story.
fn answer(object: &Value, at: i64) -> Message {
    let at_secs = START.as_secs() + at;
    let window = Window { from_secs: at_secs, to_secs: at_secs };
    let observed = Observed { window, because: Because::Reconcile };
    observation::message(&object.to_string(), observed, false, START).unwrap()
}

/// Enqueues an answer, and waits until it is applied.
async fn tell(shop: &Shop, message: Message) -> Enqueued {
    let enqueued = shop.server.db.enqueue(message).await.unwrap();
    drained(&shop.server).await;
    enqueued
}

#[tokio::test]
async fn an_answer_finds_what_no_webhook_told_and_overwrites_none() {
    let shop = Shop::open().await;
    let bought = subscription("sub_1", Some("ada"), &["price_pro"]);
    let message = answer(&bought, 100);
    assert_eq!(tell(&shop, message.clone()).await, Enqueued::Queued);
    shop.assert_roles(&[("ada", "paid")]).await;
    let row = shop.server.db.ledger(&message.event).await.unwrap().unwrap();
    assert_eq!(
        (row.kind.as_str(), row.because),
        ("tierlift.observation", Some(Because::Reconcile))
    );

    // The same again, and one that was under way while a webhook came.
    tell(&shop, message).await;
    let unpaid = with(&bought, json!({ "status": "unpaid" }));
    shop.update(200, unpaid.clone(), json!({ "status": "active" })).await;
    shop.assert_roles(&[("ada", "free")]).await;
    tell(&shop, answer(&bought, 199)).await;
    shop.assert_roles(&[("ada", "free")]).await;
    tell(&shop, answer(&bought, 300)).await;
    shop.assert_roles(&[("ada", "paid")]).await;
    assert_eq!(shop.session("ada").await["revocationId"], 3);

    // The webhook of its window comes late, and says nothing new.
    shop.update(300, bought.clone(), json!({ "status": "unpaid" })).await;
    assert_eq!(shop.session("ada").await["revocationId"], 3);
}

#[tokio::test]
async fn an_answer_that_cannot_be_applied_is_a_dead_letter() {
    let shop = Shop::open().await;
    let product = answer(&json!({ "id": "prod_1", "object": "product" }), 1);
    tell(&shop, product.clone()).await;
    let dead = shop.server.db.get(&product.event).await.unwrap().unwrap();
    assert_eq!(dead.failure.cause, Code::PayloadMalformed);
    let other = answer(&subscription("sub_1", Some("ada"), &["price_other"]), 1);
    tell(&shop, other.clone()).await;
    let dead = shop.server.db.get(&other.event).await.unwrap().unwrap();
    assert_eq!(dead.failure.cause, Code::PlanUnmapped);
}

#[tokio::test]
async fn a_session_without_line_items_is_due_until_an_answer_shows_its_plan() {
    let shop = Shop::open().await;
    let paid = json!({ "client_reference_id": "ada", "payment_intent": "pi_1" });
    let sold = session("payment", paid);
    shop.post(COMPLETED, 60, sold.clone()).await;
    shop.assert_roles(&[("ada", "free")]).await;
    let at = START.plus_secs(60);
    let expected = Due { not_before: at, customer: customer_id("cus_1") };
    assert_eq!(shop.server.db.due(at, 9).await.unwrap(), [expected]);
    assert_eq!(shop.server.db.due(at.plus_secs(-1), 9).await.unwrap(), []);
    let customer = shop.server.db.customer(&customer_id("cus_1")).await.unwrap().unwrap();
    assert_eq!(customer.fetch_due.unwrap().because, FetchReason::LineItems);

    let items =
        json!({ "data": [{ "id": "li_1", "price": { "id": "price_pro" }, "quantity": 1 }] });
    let shown = json!({ "status": "complete", "created": at.as_secs(), "line_items": items });
    tell(&shop, answer(&with(&sold, shown), 90)).await;
    shop.assert_roles(&[("ada", "paid")]).await;
    assert_eq!(shop.server.db.due(at.plus_secs(999), 9).await.unwrap(), []);
}

#[tokio::test]
async fn what_waited_for_its_owner_has_one_by_an_answer() {
    let shop = Shop::open().await;
    shop.post(CREATED, 0, subscription("sub_1", None, &["price_pro"])).await;
    let customer = json!({ "id": "cus_1", "object": "customer", "metadata": { "user_id": "ada" } });
    tell(&shop, answer(&customer, 10)).await;
    shop.assert_roles(&[("ada", "paid")]).await;
    let deleted = json!({ "id": "cus_1", "object": "customer", "deleted": true });
    tell(&shop, answer(&deleted, 20)).await;
    shop.assert_roles(&[("ada", "free")]).await;
}
