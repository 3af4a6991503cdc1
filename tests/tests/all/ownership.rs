//! Who owns a subscription, and which events concern one: webhooks over HTTP, from cases that people
//! reported.

use serde_json::json;
use tierlift_core::{
    codes::Code,
    ports::{DeadLetters as _, Store as _, WaitingList as _},
};
use tierlift_testkit::facts::event_id;

use crate::shop::{COMPLETED, CREATED, Shop, session, subscription, with};

#[tokio::test]
async fn buying_credits_saving_a_card_or_not_paying_moves_no_subscription() {
    for session in [
        session("payment", json!({ "client_reference_id": "order-1", "payment_intent": "pi_1" })),
        session("setup", json!({ "client_reference_id": "order-1" })),
        session("payment", json!({ "client_reference_id": "order-1", "payment_status": "unpaid" })),
        session(
            "subscription",
            json!({
                "client_reference_id": "order-1", "subscription": "sub_2",
                "payment_status": "unpaid",
            }),
        ),
    ] {
        let shop = Shop::open().await;
        shop.post(CREATED, 0, subscription("sub_1", Some("ada"), &["price_max"])).await;
        let answer = shop.post(COMPLETED, 60, session.clone()).await;
        if session["mode"] == "setup" {
            assert_eq!(answer, json!({ "status": "ignored", "reason": "checkout_mode" }));
        }
        shop.assert_roles(&[("ada", "pro"), ("order-1", "free")]).await;
        assert_eq!(shop.session("ada").await["revocationId"], 1, "{session}");
        assert_eq!(shop.server.db.depth().await.unwrap().dead, 0);
    }
}

#[tokio::test]
async fn a_referral_id_on_the_checkout_takes_nothing_from_the_user_of_the_subscription() {
    let shop = Shop::open().await;
    shop.post(CREATED, 0, subscription("sub_1", Some("ada"), &["price_pro"])).await;
    let reference = json!({ "subscription": "sub_1", "client_reference_id": "7d9a-uuid" });
    shop.post(COMPLETED, 1, session("subscription", reference)).await;
    shop.assert_roles(&[("ada", "paid"), ("7d9a-uuid", "free")]).await;
}

#[tokio::test]
async fn one_customer_grants_to_several_users() {
    let shop = Shop::open().await;
    shop.post(CREATED, 0, subscription("sub_1", Some("ada"), &["price_pro"])).await;
    shop.post(CREATED, 60, subscription("sub_2", Some("org-7"), &["price_pro"])).await;
    shop.assert_roles(&[("ada", "paid"), ("org-7", "paid")]).await;

    let shop = Shop::open().await;
    for (subscription_id, user) in [("sub_1", "ada"), ("sub_2", "bob")] {
        shop.post(CREATED, 0, subscription(subscription_id, None, &["price_pro"])).await;
        let reference = json!({ "subscription": subscription_id, "client_reference_id": user });
        shop.post(COMPLETED, 1, session("subscription", reference)).await;
    }
    shop.assert_roles(&[("ada", "paid"), ("bob", "paid")]).await;
}

#[tokio::test]
async fn support_moves_a_subscription_and_both_users_are_notified() {
    let shop = Shop::open().await;
    let bought = subscription("sub_1", Some("old"), &["price_pro"]);
    shop.post(CREATED, 0, bought.clone()).await;
    let reference = json!({ "subscription": "sub_1", "client_reference_id": "old" });
    shop.post(COMPLETED, 0, session("subscription", reference)).await;
    let mut tabs = [("old", 1), ("new", 0)].map(|(user, rev)| shop.server.token(user, rev));
    let mut sockets = Vec::new();
    for token in &mut tabs {
        let mut socket = shop.server.socket(token).await;
        socket.sync().await;
        sockets.push(socket);
    }
    let moved = with(&bought, json!({ "metadata": { "user_id": "new" } }));
    shop.update(900, moved, json!({ "metadata": { "user_id": "old" } })).await;
    let frames = [sockets[0].hear().await, sockets[1].hear().await];
    assert_eq!(
        (&frames[0]["type"], &frames[0]["role"]),
        (&json!("ROLE_DOWNGRADED"), &json!("free"))
    );
    assert_eq!((&frames[1]["type"], &frames[1]["role"]), (&json!("ROLE_UPGRADED"), &json!("paid")));
    assert_eq!(frames[0]["eventId"], frames[1]["eventId"]);
    let id = event_id(frames[0]["eventId"].as_str().unwrap());
    let row = shop.server.db.ledger(&id).await.unwrap().unwrap();
    let owners: Vec<_> = row
        .owners
        .iter()
        .map(|owner| (owner.user.as_str(), owner.from_role.as_str(), owner.to_role.as_str()))
        .collect();
    assert_eq!(owners, [("new", "free", "paid"), ("old", "paid", "free")]);
}

#[tokio::test]
async fn a_connected_account_gives_no_roles_away_unless_it_is_listed() {
    let shop = Shop::with(|config| config.connected_accounts = vec!["acct_ours".to_owned()]).await;
    let event = |user: &str| {
        let mut by_lookup_key = subscription(&format!("sub_{user}"), Some(user), &["price_x"]);
        by_lookup_key["items"]["data"][0]["price"]["lookup_key"] = "pro_monthly".into();
        by_lookup_key
    };
    for (user, account, role) in [("ada", "acct_x", "free"), ("bob", "acct_ours", "pro")] {
        let answer = shop.post_event(CREATED, 0, event(user), json!({ "account": account })).await;
        let expected = match role {
            "free" => json!({ "status": "ignored", "reason": "connected_account" }),
            _ => json!({ "status": "accepted" }),
        };
        assert_eq!(answer, expected);
        shop.assert_roles(&[(user, role)]).await;
    }
}

#[tokio::test]
async fn a_user_is_found_in_the_sessions_metadata_under_any_configured_key() {
    for metadata in [json!({ "user_id": "ada" }), json!({ "userId": "ada" })] {
        let shop = Shop::open().await;
        shop.post(CREATED, 0, subscription("sub_1", None, &["price_pro"])).await;
        let named = json!({ "subscription": "sub_1", "metadata": metadata });
        shop.post(COMPLETED, 1, session("subscription", named)).await;
        shop.assert_roles(&[("ada", "paid")]).await;
    }
}

#[tokio::test]
async fn what_has_no_owner_is_listed_until_an_event_names_one() {
    let shop = Shop::open().await;
    shop.post(CREATED, 0, subscription("sub_1", None, &["price_pro"])).await;
    let waiting = shop.server.db.waiting(10).await.unwrap();
    let [waiting] = &waiting[..] else { panic!("{waiting:?}") };
    assert_eq!((&*waiting.id, waiting.cause), ("cus_1", Code::OwnerUnknown));
    let metrics = shop.server.get("/metrics", "").await.body;
    let gauge = |name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        line.rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(gauge("tierlift_waiting"), "1");
    assert_eq!(gauge("tierlift_waiting_oldest_age_seconds"), "1000");
    let named = json!({ "id": "cus_1", "metadata": { "user_id": "ada" } });
    shop.post("customer.updated", 60, named).await;
    shop.assert_roles(&[("ada", "paid")]).await;
    assert_eq!(shop.server.db.waiting(10).await.unwrap(), []);
}

#[tokio::test]
async fn every_type_is_accepted_or_ignored_for_a_reason() {
    let shop = Shop::open().await;
    for (kind, reason) in [
        ("product.updated", "catalog"),
        ("customer.subscription.trial_will_end", "echo"),
        ("payout.paid", "payout"),
        ("v1.product.updated", "catalog"),
        ("a.type.of.tomorrow", "unknown"),
        // What tierlift itself puts into the queue, no webhook can.
        ("tierlift.observation", "unknown"),
    ] {
        let answer = shop.post(kind, 0, json!({ "id": "x" })).await;
        assert_eq!(answer, json!({ "status": "ignored", "reason": reason }), "{kind}");
    }
    let metrics = shop.server.get("/metrics", "").await.body;
    assert!(metrics.contains("tierlift_ignored_total{reason=\"unknown\"}"), "{metrics}");
}

#[tokio::test]
async fn a_thin_event_that_bears_on_access_is_a_dead_letter() {
    let shop = Shop::open().await;
    let thin = json!({
        "id": "evt_thin", "object": "v2.core.event", "type": "v1.customer.subscription.updated",
        "created": "2026-10-01T12:00:00.000Z", "livemode": false,
        "related_object": { "id": "sub_1", "type": "subscription", "url": "/v1/subscriptions/sub_1" },
    });
    let answer = shop.server.webhook(&thin.to_string()).await;
    assert_eq!(answer.body, r#"{"status":"accepted"}"#);
    crate::pipeline::drained(&shop.server).await;
    let letters = shop.server.db.list(10).await.unwrap();
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    assert_eq!(letter.failure.cause, Code::EventThin);
}

#[tokio::test]
async fn an_account_of_accounts_v2_is_a_customer() {
    let shop = Shop::open().await;
    let sub = with(
        &subscription("sub_1", Some("ada"), &["price_pro"]),
        json!({ "customer": null, "customer_account": "acct_1" }),
    );
    shop.post(CREATED, 0, sub).await;
    shop.assert_roles(&[("ada", "paid")]).await;
}
