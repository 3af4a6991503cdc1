//! Cases that people reported of other programs that do this job, over HTTP: in each of them the role is right.

use serde_json::{Value, json};
use tierlift_core::{codes::Code, ports::DeadLetters as _};
use tierlift_testkit::{facts::event_id, webhook};

use crate::{
    pipeline::drained,
    server::START,
    shop::{COMPLETED, CREATED, DAY, Shop, session, subscription, with},
};

const DELETED: &str = "customer.subscription.deleted";

/// Its role and revocation id.
async fn standing(shop: &Shop, user: &str) -> (String, u64) {
    let session = shop.session(user).await;
    let role = session["role"].as_str().unwrap().to_owned();
    (role, session["revocationId"].as_u64().unwrap())
}

/// The items of a subscription with another end of their period.
fn until(sub: &Value, secs: i64) -> Value {
    let mut sub = sub.clone();
    sub["items"]["data"][0]["current_period_end"] = secs.into();
    sub
}

#[tokio::test]
async fn one_event_in_the_shapes_of_two_endpoints_counts_once() {
    let basil = subscription("sub_1", Some("ada"), &["price_pro"]);
    let mut old = with(&basil, json!({ "current_period_end": START.as_secs() + 30 * DAY }));
    old["items"]["data"][0].as_object_mut().unwrap().remove("current_period_end");
    for shapes in [[&basil, &old], [&old, &basil]] {
        let shop = Shop::open().await;
        for shape in shapes {
            let event = webhook::event("evt_1", CREATED, START, shape).to_string();
            assert_eq!(shop.server.webhook(&event).await.status, 200);
            drained(&shop.server).await;
            assert_eq!(standing(&shop, "ada").await, ("paid".to_owned(), 1));
        }
    }
}

#[tokio::test]
async fn who_buys_again_as_a_new_customer_keeps_the_role_when_the_old_one_ends() {
    let shop = Shop::open().await;
    let first = subscription("sub_1", Some("ada"), &["price_pro"]);
    shop.post(CREATED, 0, first.clone()).await;
    let again = subscription("sub_2", Some("ada"), &["price_pro"]);
    shop.post(CREATED, 60, with(&again, json!({ "customer": "cus_2" }))).await;
    shop.post(DELETED, 30, with(&first, json!({ "status": "canceled" }))).await;
    shop.post("customer.deleted", 40, json!({ "id": "cus_1", "object": "customer" })).await;
    assert_eq!(standing(&shop, "ada").await, ("paid".to_owned(), 1));
}

#[tokio::test]
async fn a_phase_of_a_schedule_that_remakes_the_items_changes_nothing_or_the_price() {
    let shop = Shop::open().await;
    let sub = subscription("sub_1", Some("ada"), &["price_pro"]);
    shop.post(CREATED, 0, sub.clone()).await;
    let mut remade = sub.clone();
    remade["items"]["data"][0]["id"] = "si_remade".into();
    shop.update(60, remade.clone(), json!({ "items": sub["items"] })).await;
    assert_eq!(standing(&shop, "ada").await, ("paid".to_owned(), 1));
    let mut dearer = remade.clone();
    dearer["items"]["data"][0]["id"] = "si_dearer".into();
    dearer["items"]["data"][0]["price"]["id"] = "price_max".into();
    shop.update(120, dearer, json!({ "items": remade["items"] })).await;
    assert_eq!(standing(&shop, "ada").await, ("pro".to_owned(), 2));
}

#[tokio::test]
async fn a_payment_link_without_a_reference_is_made_good_by_metadata() {
    let shop = Shop::open().await;
    shop.post(CREATED, 0, subscription("sub_1", None, &["price_pro"])).await;
    shop.post(COMPLETED, 1, session("subscription", json!({ "subscription": "sub_1" }))).await;
    shop.assert_roles(&[("ada", "free")]).await;
    let named = json!({ "id": "cus_1", "object": "customer", "metadata": { "user_id": "ada" } });
    shop.post("customer.updated", 900, named).await;
    assert_eq!(standing(&shop, "ada").await, ("paid".to_owned(), 1));
}

#[tokio::test]
async fn an_end_that_is_planned_in_the_portal_and_undone_is_no_change_of_the_role() {
    let shop = Shop::open().await;
    let sub = subscription("sub_1", Some("ada"), &["price_pro"]);
    shop.post(CREATED, 0, sub.clone()).await;
    let ends = START.as_secs() + 30 * DAY;
    let planned = json!({ "cancel_at_period_end": true, "cancel_at": ends });
    let undone = json!({ "cancel_at_period_end": false, "cancel_at": null });
    shop.update(60, with(&sub, planned.clone()), undone.clone()).await;
    assert_eq!(shop.session("ada").await["cancelAt"], START.plus_days(30).to_string());
    shop.update(120, with(&sub, undone), planned).await;
    assert_eq!(shop.session("ada").await["cancelAt"], Value::Null);
    assert_eq!(standing(&shop, "ada").await, ("paid".to_owned(), 1));
}

#[tokio::test]
async fn who_pays_after_the_days_of_grace_has_the_role_again() {
    let shop = Shop::open().await;
    let sub = subscription("sub_1", Some("ada"), &["price_pro"]);
    shop.post(CREATED, 0, sub.clone()).await;
    let renewed = until(&sub, START.as_secs() + 60 * DAY);
    let late = with(&renewed, json!({ "status": "past_due" }));
    let due = 30 * DAY;
    shop.server.pass_secs(due);
    shop.update(due, late, json!({ "status": "active", "items": sub["items"] })).await;
    shop.assert_roles(&[("ada", "paid")]).await;
    shop.server.pass_secs(4 * DAY);
    shop.assert_roles(&[("ada", "free")]).await;
    shop.update(due + 4 * DAY, renewed, json!({ "status": "past_due" })).await;
    shop.assert_roles(&[("ada", "paid")]).await;
}

#[tokio::test]
async fn twelve_months_of_a_test_clock_in_one_second_end_with_the_last_in_any_order() {
    let sub = subscription("sub_1", Some("ada"), &["price_pro"]);
    let month = |number: i64| until(&sub, START.as_secs() + number * 30 * DAY);
    let renewals = (1..=12).map(|number| (month(number + 1), month(number)["items"].clone()));
    let mut renewals: Vec<(Value, Value)> = renewals.collect();
    for (step, comes_first) in [(1, false), (5, true), (7, false), (11, true)] {
        let shop = Shop::open().await;
        if comes_first {
            shop.post(CREATED, 0, month(1)).await;
        }
        renewals.rotate_left(step);
        for index in 0..12 {
            let (object, items) = renewals[index * step % 12].clone();
            shop.update(60, object, json!({ "items": items })).await;
        }
        if !comes_first {
            shop.post(CREATED, 0, month(1)).await;
        }
        let ends = START.plus_days(13 * 30).to_string();
        let session = shop.session("ada").await;
        assert_eq!(
            (&session["role"], &session["subscriptionExpiresAt"]),
            (&json!("paid"), &json!(ends))
        );
        assert_eq!(session["revocationId"], 1);
    }
}

#[tokio::test]
async fn a_reference_is_whatever_the_host_calls_its_user() {
    let long = "x".repeat(200);
    let uuid = "7d9f0f1c-3f6e-4a58-9c2b-0d3f4b6a8c11";
    for user in ["ada@example.com", uuid, "🦀 Ада", &long] {
        let shop = Shop::open().await;
        shop.post(CREATED, 0, subscription("sub_1", None, &["price_pro"])).await;
        let reference = json!({ "subscription": "sub_1", "client_reference_id": user });
        shop.post(COMPLETED, 1, session("subscription", reference)).await;
        assert_eq!(standing(&shop, user).await, ("paid".to_owned(), 1));
    }
}

#[tokio::test]
async fn a_plan_behind_ten_other_items_is_a_dead_letter_that_says_so() {
    let shop = Shop::open().await;
    let others: Vec<String> = (0..10).map(|number| format!("price_metered_{number}")).collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    let mut sub = subscription("sub_1", Some("ada"), &others);
    sub["items"]["has_more"] = true.into();
    shop.post(CREATED, 0, sub).await;
    let letter = shop.server.db.get(&event_id("evt_0")).await.unwrap().unwrap();
    assert_eq!(letter.failure.cause, Code::ItemsTruncated);
}
