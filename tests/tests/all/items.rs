//! What the items of a subscription earn: webhooks over HTTP, from cases that people reported.

use serde_json::{Value, json};
use tierlift_core::{
    codes::Code,
    policy::{Access, PauseCollection, UnmappedPrice},
    ports::{DeadLetters as _, Store as _},
};
use tierlift_testkit::facts::event_id;

use crate::{
    server::START,
    shop::{COMPLETED, CREATED, DAY, Shop, session, subscription, with},
};

#[tokio::test]
async fn cancel_at_bounds_what_is_paid_for_and_is_shown() {
    let shop = Shop::open().await;
    let now = shop.server.now().as_secs();
    for (user, cancel_at, role) in [("ada", now + 5 * DAY, "paid"), ("bob", now - 4 * DAY, "free")]
    {
        let sub = subscription(&format!("sub_{user}"), Some(user), &["price_pro"]);
        shop.post(CREATED, 0, with(&sub, json!({ "cancel_at": cancel_at }))).await;
        shop.assert_roles(&[(user, role)]).await;
    }
    let ada = shop.session("ada").await;
    let five_days = shop.server.now().plus_days(5).to_string();
    assert_eq!(
        (&ada["subscriptionExpiresAt"], &ada["cancelAt"]),
        (&json!(five_days), &json!(five_days))
    );
}

#[tokio::test]
async fn a_truncated_list_removes_nothing() {
    for unmapped_price in UnmappedPrice::ALL {
        let shop = Shop::with(|config| config.unmapped_price = *unmapped_price).await;
        let names: Vec<String> = (0..8).map(|n| format!("price_extra_{n}")).collect();
        let mut prices = vec!["price_pro", "price_max"];
        prices.extend(names.iter().map(String::as_str));
        let all = subscription("sub_1", Some("ada"), &prices);
        shop.post(CREATED, 0, all.clone()).await;
        shop.assert_roles(&[("ada", "pro")]).await;
        let mut shown = all["items"]["data"].as_array().unwrap().clone();
        shown.remove(1);
        shown.push(json!({ "id": "si_new", "price": { "id": "price_new" }, "quantity": 1 }));
        let cut = with(&all, json!({ "items": { "data": shown, "has_more": true } }));
        shop.update(60, cut, json!({ "items": all["items"] })).await;
        shop.assert_roles(&[("ada", "pro")]).await;
        let row = shop.server.db.ledger(&event_id("evt_1")).await.unwrap().unwrap();
        assert!(row.ambiguous);
    }
}

#[tokio::test]
async fn an_item_that_is_not_shown_lasts_as_long_as_those_that_are_until_a_list_shows_it() {
    let shop = Shop::open().await;
    let mut all = subscription("sub_1", Some("ada"), &["price_yearly", "price_pro"]);
    all["items"]["data"][0]["quantity"] = 0.into();
    all["items"]["data"][0]["current_period_end"] = (START.as_secs() + 200 * DAY).into();
    shop.post(CREATED, 0, all.clone()).await;
    let shown = json!([all["items"]["data"][0]]);
    let cut = with(&all, json!({ "items": { "data": shown, "has_more": true } }));
    for (at, from, to, days) in [(60, &all, &cut, 200), (120, &cut, &all, 30)] {
        shop.update(at, to.clone(), json!({ "items": from["items"] })).await;
        let ada = shop.session("ada").await;
        let ends = START.plus_days(days).to_string();
        assert_eq!((&ada["role"], &ada["subscriptionExpiresAt"]), (&json!("paid"), &json!(ends)));
    }
}

#[tokio::test]
async fn an_item_of_quantity_0_earns_nothing() {
    let shop = Shop::open().await;
    let sub = subscription("sub_1", Some("ada"), &["price_pro", "price_max"]);
    shop.post(CREATED, 0, sub.clone()).await;
    shop.assert_roles(&[("ada", "pro")]).await;
    let mut none = sub.clone();
    none["items"]["data"][1]["quantity"] = 0.into();
    shop.update(60, none, json!({ "items": sub["items"] })).await;
    shop.assert_roles(&[("ada", "paid")]).await;
}

#[tokio::test]
async fn a_metered_item_that_falls_to_0_in_a_second_with_another_change_earns_nothing() {
    let mut metered = subscription("sub_1", Some("ada"), &["price_pro"]);
    metered["items"]["data"][0].as_object_mut().unwrap().remove("quantity");
    let ending = with(&metered, json!({ "cancel_at_period_end": true }));
    let mut none = ending.clone();
    none["items"]["data"][0]["quantity"] = 0.into();
    let mut updates = [
        (ending, json!({ "cancel_at_period_end": false })),
        (none, json!({ "items": metered["items"] })),
    ];
    for _ in 0..2 {
        updates.reverse();
        let shop = Shop::open().await;
        shop.post(CREATED, 0, metered.clone()).await;
        shop.assert_roles(&[("ada", "paid")]).await;
        for (object, previous) in updates.clone() {
            shop.update(60, object, previous).await;
        }
        shop.assert_roles(&[("ada", "free")]).await;
    }
}

#[tokio::test]
async fn a_first_payment_without_a_decision_is_proven_by_what_follows() {
    let unpaid = json!({
        "subscription": "sub_1", "client_reference_id": "ada", "payment_status": "unpaid",
    });
    for by_period in [false, true] {
        let shop = Shop::open().await;
        let sub = subscription("sub_1", Some("ada"), &["price_pro"]);
        shop.post(CREATED, 0, sub.clone()).await;
        shop.post(COMPLETED, 1, session("subscription", unpaid.clone())).await;
        shop.assert_roles(&[("ada", "free")]).await;
        if by_period {
            let mut later = sub.clone();
            later["items"]["data"][0]["current_period_end"] = (START.as_secs() + 90 * DAY).into();
            shop.update(500, later, json!({ "items": sub["items"] })).await;
        } else {
            let late = with(&sub, json!({ "status": "past_due" }));
            shop.update(400, late, json!({ "status": "active" })).await;
            shop.update(500, sub.clone(), json!({ "status": "past_due" })).await;
        }
        shop.assert_roles(&[("ada", "paid")]).await;
    }
}

#[tokio::test]
async fn each_item_lasts_by_itself() {
    for prices in [["price_pro", "price_max"], ["price_pro", "price_pro"]] {
        let shop = Shop::open().await;
        let now = shop.server.now().as_secs();
        let mut sub = subscription("sub_1", Some("ada"), &prices);
        for (index, end) in [(0, now + 200 * DAY), (1, now - 4 * DAY)] {
            sub["items"]["data"][index]["current_period_end"] = end.into();
        }
        shop.post(CREATED, 0, sub).await;
        let ada = shop.session("ada").await;
        let expires = shop.server.now().plus_days(200).to_string();
        assert_eq!(
            (&ada["role"], &ada["subscriptionExpiresAt"]),
            (&json!("paid"), &json!(expires))
        );
    }
}

#[tokio::test]
async fn a_price_keeps_earning_when_its_lookup_key_moves_to_another() {
    let shop = Shop::open().await;
    let mut sub = subscription("sub_1", Some("ada"), &["price_2025"]);
    sub["items"]["data"][0]["price"]["lookup_key"] = "pro_monthly".into();
    shop.post(CREATED, 0, sub.clone()).await;
    let mut renewed = sub.clone();
    renewed["items"]["data"][0]["price"]["lookup_key"] = Value::Null;
    renewed["items"]["data"][0]["current_period_end"] = (START.as_secs() + 60 * DAY).into();
    shop.update(60, renewed, json!({ "items": sub["items"] })).await;
    let ada = shop.session("ada").await;
    let expires = START.plus_days(60).to_string();
    assert_eq!((&ada["role"], &ada["subscriptionExpiresAt"]), (&json!("pro"), &json!(expires)));
    assert_eq!(shop.server.db.depth().await.unwrap().dead, 0);
}

#[tokio::test]
async fn paused_collection_means_what_the_policy_says() {
    let keep_drafts =
        PauseCollection { keep_as_draft: Access::Keep, ..PauseCollection::all(Access::Revoke) };
    let shop = Shop::with(|config| config.pause_collection = keep_drafts).await;
    for (user, behavior, role) in [
        ("ada", "keep_as_draft", "paid"),
        ("bob", "void", "free"),
        ("eve", "mark_uncollectible", "free"),
    ] {
        let sub = subscription(&format!("sub_{user}"), Some(user), &["price_pro"]);
        let paused = json!({ "pause_collection": { "behavior": behavior, "resumes_at": null } });
        shop.post(CREATED, 0, with(&sub, paused)).await;
        shop.assert_roles(&[(user, role)]).await;
    }
}

#[tokio::test]
async fn an_ignored_price_makes_no_dead_letter() {
    let shop = Shop::with(|config| config.ignore_prices = vec!["prod_shirts".to_owned()]).await;
    let mut shirts = subscription("sub_1", Some("ada"), &["price_shirt"]);
    shirts["items"]["data"][0]["price"]["product"] = "prod_shirts".into();
    shop.post(CREATED, 0, shirts).await;
    let unknown = subscription("sub_2", Some("ada"), &["price_unknown"]);
    shop.post(CREATED, 0, unknown).await;
    let letters = shop.server.db.list(10).await.unwrap();
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    assert_eq!(letter.failure.cause, Code::PlanUnmapped);
    assert!(letter.failure.last_error.contains("price_unknown"), "{letter:?}");
}
