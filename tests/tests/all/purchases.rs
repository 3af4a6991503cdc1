//! Purchases, refunds and disputes: webhooks over HTTP.

use serde_json::{Value, json};
use tierlift_core::{
    codes::Code,
    policy::{Access, OnDispute, PlanConfig, PolicyConfig, Stack},
    ports::{DeadLetters as _, WaitingList as _},
};

use crate::{
    server::START,
    shop::{COMPLETED, CREATED, DAY, Shop, session, subscription, with},
};

fn plans(config: &mut PolicyConfig) {
    config.plans.extend([
        PlanConfig::new("lifetime", "paid"),
        PlanConfig::new("plink_life", "pro"),
        PlanConfig { days: Some(30), ..PlanConfig::new("month_pass", "paid") },
    ]);
}

/// A paid session of mode `payment` that names a plan.
fn bought(user: &str, payment: &str, plan: &str) -> Value {
    session(
        "payment",
        json!({
            "id": format!("cs_{payment}"), "client_reference_id": user, "payment_intent": payment,
            "metadata": { "plan": plan },
        }),
    )
}

#[tokio::test]
async fn lifetime_access_is_bought_once_by_a_customer_or_a_guest() {
    let shop = Shop::with(plans).await;
    shop.post(COMPLETED, 0, bought("ada", "pi_1", "lifetime")).await;
    let guest = with(&bought("bob", "pi_2", "lifetime"), json!({ "customer": null }));
    shop.post(COMPLETED, 0, guest).await;
    let by_link = json!({
        "payment_link": "plink_life", "client_reference_id": "eve", "payment_intent": "pi_3",
    });
    shop.post(COMPLETED, 0, session("payment", by_link)).await;
    let by_items = json!({
        "client_reference_id": "joe", "payment_intent": "pi_4",
        "line_items": { "data": [{ "id": "li_1", "price": { "id": "price_max" }, "quantity": 1 }] },
    });
    shop.post(COMPLETED, 0, session("payment", by_items)).await;
    shop.assert_roles(&[("ada", "paid"), ("bob", "paid"), ("eve", "pro"), ("joe", "pro")]).await;
    let ada = shop.session("ada").await;
    assert_eq!((&ada["subscriptionActive"], &ada["status"]), (&json!(true), &Value::Null));
    assert_eq!(ada["subscriptionExpiresAt"], Value::Null);
    shop.server.pass_secs(400 * DAY);
    shop.assert_roles(&[("ada", "paid")]).await;
}

#[tokio::test]
async fn a_delayed_payment_earns_when_it_succeeds() {
    for (decision, role) in [
        ("checkout.session.async_payment_succeeded", "paid"),
        ("checkout.session.async_payment_failed", "free"),
    ] {
        let shop = Shop::with(plans).await;
        let session = bought("ada", "pi_1", "lifetime");
        let unpaid = with(&session, json!({ "payment_status": "unpaid" }));
        shop.post(COMPLETED, 0, unpaid.clone()).await;
        shop.assert_roles(&[("ada", "free")]).await;
        let decided = if role == "paid" { session } else { unpaid };
        shop.post(decision, 900, decided).await;
        shop.assert_roles(&[("ada", role)]).await;
    }
}

#[tokio::test]
async fn passes_add_up_as_the_policy_says_including_those_of_guests() {
    for (stack, days) in [(Stack::Extend, 60), (Stack::Longest, 31)] {
        let shop = Shop::with(|config| {
            plans(config);
            config.stack = stack;
        })
        .await;
        shop.server.pass_secs(2 * DAY);
        shop.post(COMPLETED, 0, bought("ada", "pi_1", "month_pass")).await;
        let second = with(&bought("ada", "pi_2", "month_pass"), json!({ "customer": null }));
        shop.post(COMPLETED, DAY, second).await;
        let expires = START.plus_days(days).to_string();
        assert_eq!(shop.session("ada").await["subscriptionExpiresAt"], expires, "{stack:?}");
    }
}

#[tokio::test]
async fn an_unknown_plan_in_the_metadata_of_a_session_is_a_dead_letter() {
    let shop = Shop::with(plans).await;
    shop.post(COMPLETED, 0, bought("ada", "pi_1", "liftime")).await;
    let letters = shop.server.db.list(10).await.unwrap();
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    assert_eq!(letter.failure.cause, Code::PlanUnmapped);
    assert!(letter.failure.last_error.contains("liftime"), "{letter:?}");
}

#[tokio::test]
async fn a_full_refund_ends_a_purchase_and_a_partial_one_does_not() {
    let charge = |refunded: bool| {
        json!({
            "id": "ch_1", "object": "charge", "customer": "cus_1", "payment_intent": "pi_1",
            "amount": 1_900, "amount_refunded": if refunded { 1_900 } else { 500 },
            "refunded": refunded,
        })
    };
    for refund_first in [false, true] {
        let shop = Shop::with(plans).await;
        if !refund_first {
            shop.post(COMPLETED, 0, bought("ada", "pi_1", "lifetime")).await;
            shop.post("charge.refunded", 60, charge(false)).await;
            shop.assert_roles(&[("ada", "paid")]).await;
        }
        shop.post("charge.refunded", 90, charge(true)).await;
        if refund_first {
            let waiting = shop.server.db.waiting(10).await.unwrap();
            assert_eq!((&*waiting[0].id, waiting[0].cause), ("pi_1", Code::PaymentUnlinked));
            shop.post(COMPLETED, 0, bought("ada", "pi_1", "lifetime")).await;
        }
        shop.assert_roles(&[("ada", "free")]).await;
        assert_eq!(shop.server.db.waiting(10).await.unwrap(), []);
        let failed = json!({
            "id": "re_1", "object": "refund", "charge": "ch_1", "payment_intent": "pi_1",
            "amount": 1_900, "status": "failed",
        });
        shop.post("refund.failed", 200, failed).await;
        shop.assert_roles(&[("ada", "paid")]).await;
    }
}

#[tokio::test]
async fn a_dispute_ends_a_purchase_when_the_policy_says() {
    let dispute = |status: &str| {
        json!({
            "id": "du_1", "object": "dispute", "charge": "ch_1", "payment_intent": "pi_1",
            "status": status,
        })
    };
    for (policy, open, lost) in [
        (OnDispute::Keep, "paid", "paid"),
        (OnDispute::Revoke, "free", "free"),
        (OnDispute::RevokeWhenLost, "paid", "free"),
    ] {
        let shop = Shop::with(|config| {
            plans(config);
            config.purchase_reversal.dispute = policy;
        })
        .await;
        shop.post(COMPLETED, 0, bought("ada", "pi_1", "lifetime")).await;
        shop.post("charge.dispute.created", 60, dispute("warning_needs_response")).await;
        shop.assert_roles(&[("ada", "paid")]).await;
        shop.post("charge.dispute.updated", 90, dispute("needs_response")).await;
        shop.assert_roles(&[("ada", open)]).await;
        shop.post("charge.dispute.closed", 120, dispute("lost")).await;
        // A late update does not change a decision.
        shop.post("charge.dispute.updated", 110, dispute("under_review")).await;
        shop.assert_roles(&[("ada", lost)]).await;
    }
}

/// The three events that lead from a charge to a subscription, in the shape of one API version.
fn invoice_events(on_basil: bool) -> Vec<(&'static str, Value)> {
    let mut invoice = json!({
        "id": "in_1", "object": "invoice", "customer": "cus_1", "created": START.as_secs(),
        "amount_paid": 1_900, "status": "paid",
    });
    let mut charge = json!({
        "id": "ch_1", "object": "charge", "customer": "cus_1", "payment_intent": "pi_1",
        "refunded": true,
    });
    if on_basil {
        invoice["parent"] = json!({
            "type": "subscription_details", "subscription_details": { "subscription": "sub_1" },
        });
        let payment = json!({
            "id": "inpay_1", "object": "invoice_payment", "invoice": "in_1", "status": "paid",
            "payment": { "type": "payment_intent", "payment_intent": "pi_1" },
        });
        return vec![
            ("invoice.paid", invoice),
            ("invoice_payment.paid", payment),
            ("charge.refunded", charge),
        ];
    }
    invoice["subscription"] = "sub_1".into();
    invoice["charge"] = "ch_1".into();
    invoice["payment_intent"] = "pi_1".into();
    charge["invoice"] = "in_1".into();
    vec![("invoice.paid", invoice), ("charge.refunded", charge)]
}

#[tokio::test]
async fn a_refunded_invoice_ends_a_subscription_until_the_next_one_is_paid() {
    for on_basil in [false, true] {
        for turn in 0..3 {
            let shop =
                Shop::with(|config| config.subscription_reversal.refund = Access::Revoke).await;
            shop.post(CREATED, 0, subscription("sub_1", Some("ada"), &["price_pro"])).await;
            let mut events = invoice_events(on_basil);
            let count = events.len();
            events.rotate_left(turn % count);
            for (kind, object) in events {
                shop.post(kind, 60, object).await;
            }
            shop.assert_roles(&[("ada", "free")]).await;
            assert_eq!(shop.server.db.waiting(10).await.unwrap(), [], "{on_basil} {turn}");
            let next = json!({ "id": "in_2", "created": START.as_secs() + 500 });
            let next = with(&invoice_events(on_basil)[0].1, next);
            let next = with(&next, json!({ "payment_intent": "pi_2", "charge": "ch_2" }));
            shop.post("invoice.paid", 500, next).await;
            shop.assert_roles(&[("ada", "paid")]).await;
        }
    }
}
