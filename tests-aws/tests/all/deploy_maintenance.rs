//! What the deployed expiry function does beside ending roles: it reports what waits, and applies a changed
//! plan map to everybody.

use serde_json::json;
use tierlift_core::ports::{PolicyRecord as _, Store as _};
use tierlift_testkit::{
    facts::customer_id,
    harness::{eventually, now},
    webhook,
};

use super::deploy::{Stack, subscribed};

#[tokio::test]
async fn what_was_paid_for_and_reaches_nobody_is_reported() {
    let stack = Stack::start().await;
    let mut unowned = webhook::subscription("evt_1", "ada", "active", now().plus_secs(-20 * 60));
    unowned["data"]["object"]["metadata"] = json!({});
    stack.accepts(&unowned).await;
    let (store, customer) = (stack.store(), customer_id("cus_ada"));
    eventually("it waits", async || {
        let customer = store.customer(&customer).await.unwrap();
        customer.is_some_and(|customer| customer.waiting_since.is_some())
    })
    .await;
    stack.tick("expiry").await;
    eventually("it is logged and counted", async || {
        let lines = stack.log("expiry").await;
        let warned = lines.iter().any(|line| {
            let oldest = line["oldest"].to_string();
            line["level"] == "WARN" && line["code"] == "owner.unknown" && oldest.contains("cus_ada")
        });
        let has = |name: &str, min: f64| {
            lines.iter().any(|line| line[name].as_f64().is_some_and(|value| value >= min))
        };
        let (count, age) = ("tierlift_waiting", "tierlift_waiting_oldest_age_seconds");
        warned && has(count, 1.0) && has(age, 20.0 * 60.0)
    })
    .await;
}

#[tokio::test]
async fn a_changed_plan_map_counts_for_everybody() {
    let stack = Stack::start().await;
    let mut tab = stack.socket("ada").await;
    stack.accepts(&subscribed("evt_1", "ada")).await;
    assert_eq!(tab.hear().await["role"], "paid");
    stack.tick("expiry").await;
    let store = stack.store();
    let before = store.policy_state().await.unwrap().unwrap();
    assert_eq!(before.progress, None);

    stack.update(&["Plans=price_pro=team"]);
    let changed = async || {
        stack.tick("expiry").await;
        let state = store.policy_state().await.unwrap().unwrap();
        state.generation > before.generation && state.progress.is_none()
    };
    eventually("the change is applied", changed).await;
    let notice = tab.hear().await;
    assert_eq!((&notice["type"], &notice["role"]), (&json!("ROLE_UPGRADED"), &json!("team")));
    assert_eq!(stack.session("ada").await["role"], "team");
}
