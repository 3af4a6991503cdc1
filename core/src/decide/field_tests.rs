//! Cases that people reported, and that other programs get wrong: who owns a subscription.

use super::*;

const APPLIED: Delivered = Delivered::Committed(Outcome::Applied);

/// Ada's subscription `sub_1` of `cus_1`, at the price of pro.
fn adas_pro() -> Sub {
    Sub { price: "pro_monthly", ..adas("sub_1", "active") }
}

#[test]
fn a_checkout_of_something_else_moves_nothing() {
    for session in [
        json!({}),
        json!({"payment_intent": null, "payment_status": "no_payment_required"}),
        json!({"payment_status": "unpaid"}),
        json!({"mode": "setup", "payment_intent": null}),
        json!({"mode": "setup", "payment_status": "no_payment_required"}),
    ] {
        let session = with(json!({"client_reference_id": "order-1"}), session);
        let happens = |stripe: &mut Stripe| {
            stripe.create(adas_pro());
            stripe.later(60);
            stripe.sell("completed", session.clone());
            stripe.later(60);
            stripe.update("sub_1", |sub| sub.ends += 30 * DAY);
        };
        check_orders("something else", &policy(), happens, "ada:pro order-1:free");
        let (store, came) = tell(&policy(), happens);
        assert_eq!(came, Some(APPLIED));
        assert_eq!(store.role("ada"), ("pro".to_owned(), 1), "{session}");
        assert!(store.account(&user("order-1")).is_none(), "{session}");
        let customer = store.customer(&CustomerId::new("cus_1").unwrap());
        // It is remembered for as long as its line items may yet say that it is a plan.
        assert!(customer.purchases.values().all(|bought| bought.offer == Offer::default()));
        if let Some(row) = store.ledger.get("evt_1") {
            assert_eq!((row.outcome, &row.owners[..]), (Outcome::Unrelated, &[][..]));
        }
    }
}

#[test]
fn a_purchase_of_something_that_is_no_plan_names_nobody() {
    let credits = json!({"client_reference_id": "order-1", "payment_link": "plink_credits"});
    let sold = |stripe: &mut Stripe| {
        stripe.later(60);
        stripe.sell("completed", credits.clone());
    };
    let nobodys = |stripe: &mut Stripe| {
        stripe.create(Sub::new("sub_1", "cus_1", "active"));
        sold(stripe);
    };
    check_orders("a subscription that waits", &policy(), nobodys, "ada:free order-1:free");
    let two = |stripe: &mut Stripe| {
        stripe.create(adas("sub_1", "active"));
        stripe.create(Sub { price: "pro_monthly", ..Sub::new("sub_2", "cus_1", "active") });
        stripe.entitlements("cus_1", &["export"], false);
        sold(stripe);
    };
    check_orders("one that only the other one names", &policy(), two, "ada:pro order-1:free");
    for (what, happens) in [("waiting", &nobodys as &dyn Fn(&mut Stripe)), ("two", &two)] {
        let (store, came) = tell(&policy(), happens);
        assert_eq!(came, Some(Delivered::Committed(Outcome::Unrelated)), "{what}");
        assert!(store.account(&user("order-1")).is_none(), "{what}");
        let features = store.account(&user("ada")).map(|account| account.standing.features);
        assert_eq!(features.unwrap_or_default().is_empty(), what == "waiting");
    }
}

#[test]
fn the_metadata_of_a_subscription_beats_the_reference_of_its_checkout() {
    let happens = |stripe: &mut Stripe| {
        stripe.create(adas("sub_1", "active"));
        stripe.later(1);
        stripe.checkout("completed", "cus_1", "sub_1", Some("6f1c-affiliate"), "paid");
    };
    check_orders("a referral", &policy(), happens, "ada:paid 6f1c-affiliate:free");
}

#[test]
fn two_users_of_one_customer_have_a_role_each() {
    let by_metadata = |stripe: &mut Stripe| {
        stripe.create(adas("sub_1", "active"));
        stripe.later(60);
        let price = "pro_monthly";
        stripe.create(Sub { user: "org-7".into(), price, ..Sub::new("sub_2", "cus_1", "active") });
    };
    check_orders("by metadata", &policy(), by_metadata, "ada:paid org-7:pro");
    let by_checkout = |stripe: &mut Stripe| {
        for (id, reference) in [("sub_1", "ada"), ("sub_2", "org-7")] {
            stripe.create(Sub::new(id, "cus_1", "active"));
            stripe.later(1);
            stripe.checkout("completed", "cus_1", id, Some(reference), "paid");
            stripe.later(60);
        }
    };
    check_orders("by two checkouts", &policy(), by_checkout, "ada:paid org-7:paid");
}

#[test]
fn metadata_that_support_corrects_moves_a_subscription_and_the_ledger_has_both_users() {
    let happens = |stripe: &mut Stripe| {
        stripe.create(adas("sub_1", "active"));
        stripe.checkout("completed", "cus_1", "sub_1", Some("ada"), "paid");
        stripe.later(900);
        stripe.update("sub_1", |sub| sub.user = "bob".into());
    };
    check_orders("fixed", &policy(), happens, "ada:free bob:paid");
    let (store, _) = tell(&policy(), happens);
    let owners = &store.ledger["evt_2"].owners;
    let moved: Vec<_> = owners.iter().map(|o| (o.user.as_str(), o.to_role.as_str())).collect();
    assert_eq!(moved, [("ada", "free"), ("bob", "paid")]);
}

#[test]
fn a_planned_cancellation_ends_access_although_no_deletion_comes() {
    for (cancels_in_days, role, expires) in [(5, "paid", Some(6)), (-4, "free", None)] {
        let (store, _) = tell(&policy(), |stripe| {
            stripe.create(Sub { ends: START + 365 * DAY, ..adas("sub_1", "active") });
            let cancel_at = START + DAY + cancels_in_days * DAY;
            stripe.later(60);
            stripe.update("sub_1", |sub| sub.cancel_at = cancel_at.into());
        });
        let account = store.account(&user("ada")).unwrap();
        let expires = expires.map(|days| Timestamp::from_secs(START + days * DAY));
        assert_eq!(
            (account.role.as_str(), account.standing.subscription_expires_at),
            (role, expires)
        );
    }
}

#[test]
fn a_connected_account_gives_no_role_away() {
    let mut stripe = Stripe::default();
    stripe.create(adas("sub_1", "active"));
    let mut by_lookup_key = adas("sub_2", "active").object();
    by_lookup_key["items"]["data"][0]["price"] = json!({"id": "x", "lookup_key": "pro_monthly"});
    stripe.created(&by_lookup_key);
    let mut store = ReferenceModel::default();
    for body in &stripe.sent {
        let mut body: Value = serde_json::from_str(body).unwrap();
        body["account"] = json!("acct_x");
        let came = store.deliver(body.to_string().as_bytes(), &policy(), NOW);
        assert_eq!(came, Delivered::Ignored);
    }
    assert_eq!(store, ReferenceModel::default());
}
