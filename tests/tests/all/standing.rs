//! What a session shows beside the role: features, and the state of the subscription.

use serde_json::{Value, json};

use crate::{
    server::START,
    shop::{CREATED, DAY, Shop, subscription, with},
};

#[tokio::test]
async fn features_come_from_the_role_and_from_stripes_entitlements() {
    let shop = Shop::open().await;
    shop.post(CREATED, 0, subscription("sub_1", Some("ada"), &["price_pro"])).await;
    let mut socket = shop.server.socket(&shop.server.token("ada", 1)).await;
    assert_eq!(socket.sync().await["features"], json!(["export"]));
    let summary = |names: &[&str], has_more: bool| {
        let data: Vec<Value> = names
            .iter()
            .map(|name| json!({ "id": format!("ent_{name}"), "lookup_key": name }))
            .collect();
        json!({
            "object": "entitlements.active_entitlement_summary", "customer": "cus_1",
            "entitlements": { "data": data, "has_more": has_more },
        })
    };
    let kind = "entitlements.active_entitlement_summary.updated";
    shop.post(kind, 60, summary(&["api", "team"], false)).await;
    let frame = socket.hear().await;
    assert_eq!(frame["type"], "SUBSCRIPTION_CHANGED");
    assert_eq!(frame["features"], json!(["api", "export", "team"]));
    assert_eq!((&frame["previousRole"], &frame["role"]), (&json!("paid"), &json!("paid")));
    assert_eq!((&frame["revocationId"], &frame["accountVersion"]), (&json!(1), &json!(2)));
    shop.post(kind, 70, summary(&["api"], true)).await;
    shop.post(kind, 50, summary(&["old"], false)).await;
    let ada = shop.session("ada").await;
    assert_eq!(ada["features"], json!(["api", "export", "team"]), "nothing is removed");
    shop.post(kind, 80, summary(&["api"], false)).await;
    assert_eq!(shop.session("ada").await["features"], json!(["api", "export"]));
    assert_eq!(shop.session("ada").await["revocationId"], 1);
}

#[tokio::test]
async fn the_session_shows_trials_ends_and_failed_payments() {
    let shop = Shop::open().await;
    let trial_end = START.as_secs() + 14 * DAY;
    let sub = subscription("sub_1", Some("ada"), &["price_pro"]);
    let trialing = with(&sub, json!({ "status": "trialing", "trial_end": trial_end }));
    shop.post(CREATED, 0, trialing.clone()).await;
    let ada = shop.session("ada").await;
    assert_eq!((&ada["role"], &ada["status"]), (&json!("paid"), &json!("trialing")));
    assert_eq!(ada["trialEndsAt"], START.plus_days(14).to_string());

    let ends = with(&sub, json!({ "cancel_at_period_end": true, "trial_end": trial_end }));
    shop.update(60, ends.clone(), json!({ "status": "trialing", "cancel_at_period_end": false }))
        .await;
    let ada = shop.session("ada").await;
    assert_eq!((&ada["status"], &ada["trialEndsAt"]), (&json!("active"), &Value::Null));
    assert_eq!(ada["cancelAt"], START.plus_days(30).to_string());

    let late = with(&ends, json!({ "status": "past_due" }));
    shop.update(90, late.clone(), json!({ "status": "active" })).await;
    let ada = shop.session("ada").await;
    assert_eq!((&ada["role"], &ada["status"]), (&json!("paid"), &json!("past_due")));
    assert_eq!(ada["pastDueSince"], START.plus_secs(90).to_string());
    shop.server.pass_secs(4 * DAY);
    let ada = shop.session("ada").await;
    assert_eq!((&ada["role"], &ada["status"]), (&json!("free"), &json!("past_due")));
    assert_eq!(ada["subscriptionActive"], false);
}
