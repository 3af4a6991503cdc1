//! What people who do this job reported: stories that other programs got wrong.

use super::*;

const APPLIED: Delivered = Delivered::Committed(Outcome::Applied);

/// Ada's subscription `sub_1` of `cus_1` at the price of pro.
fn adas_pro() -> Sub {
    Sub { price: "pro_monthly", ..adas("sub_1", "active") }
}

/// A subscription item as it is since Basil.
fn item(id: &str, price: &str, ends: i64) -> Value {
    json!({"id": id, "quantity": 1, "current_period_end": ends,
           "price": {"id": price, "product": "prod_x", "lookup_key": null}})
}

/// Ada's active subscription with these items.
fn adas_items(items: &[Value], has_more: bool) -> Value {
    with(
        adas("sub_1", "active").object(),
        json!({"items": {"object": "list", "data": items, "has_more": has_more}}),
    )
}

impl Stripe {
    fn created(&mut self, object: &Value) {
        self.send("customer.subscription.created", object, &Value::Null);
    }

    fn updated(&mut self, object: &Value, previous: &Value) {
        self.later(60);
        self.send("customer.subscription.updated", object, previous);
    }
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
        assert!(customer.purchases.is_empty(), "{session}");
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
fn the_subscriptions_own_word_beats_the_reference_of_its_checkout() {
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
fn metadata_that_support_mends_move_a_subscription_and_both_users_hear_of_it() {
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
fn what_a_truncated_list_does_not_show_is_not_gone() {
    let ends = START + 30 * DAY;
    let metered = |n: usize| item(&format!("si_m{n}"), &format!("price_metered_{n}"), ends);
    let (paid, pro) = (item("si_1", "price_paid", ends), item("si_2", "pro_monthly", ends));
    let mut first: Vec<Value> = (0..8).map(metered).collect();
    first.extend([paid.clone(), pro]);
    let mut then: Vec<Value> = (8..17).map(metered).collect();
    then.push(paid);
    let ignore = policy_with(|config| config.unmapped_price = UnmappedPrice::Ignore);
    for policy in [policy(), ignore] {
        let happens = |stripe: &mut Stripe| {
            stripe.created(&adas_items(&first, false));
            stripe.updated(&adas_items(&then, true), &json!({"items": {"data": first}}));
        };
        check_orders("ten of more", &policy, happens, "ada:pro");
        assert!(tell(&policy, happens).0.ledger["evt_1"].ambiguous, "it is flagged");
        // A complete list says what is gone.
        let (store, _) = tell(&policy, |stripe| {
            happens(stripe);
            stripe.updated(&adas_items(&then, false), &json!({}));
        });
        assert_eq!(store.role("ada").0, "paid");
    }
    // The plan may stand behind ten others from the start: nobody can know.
    let (store, came) = tell(&policy(), |stripe| {
        let metered: Vec<Value> = (0..10).map(metered).collect();
        stripe.created(&adas_items(&metered, true));
    });
    assert_eq!(came, Some(APPLIED));
    assert!(store.ledger["evt_0"].ambiguous);
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

#[test]
fn an_item_of_quantity_zero_earns_nothing() {
    let ends = START + 30 * DAY;
    let both = [item("si_1", "price_paid", ends), item("si_2", "pro_monthly", ends)];
    let mut reduced = both.clone();
    reduced[1]["quantity"] = json!(0);
    let happens = |stripe: &mut Stripe| {
        stripe.created(&adas_items(&both, false));
        stripe.updated(&adas_items(&reduced, false), &json!({"items": {"data": both}}));
    };
    check_orders("quantity 0", &policy(), happens, "ada:paid");
}

#[test]
fn each_item_lasts_by_itself() {
    let (yearly, monthly) = (START + 201 * DAY, START + DAY - 4 * DAY);
    for (price, before) in [("pro_monthly", "pro"), ("price_paid", "paid")] {
        let items = [item("si_1", "price_paid", yearly), item("si_2", price, monthly)];
        let (store, _) = tell(&policy(), |stripe| stripe.created(&adas_items(&items, false)));
        let account = store.account(&user("ada")).unwrap();
        let expires = Some(Timestamp::from_secs(yearly));
        assert_eq!(
            (account.role.as_str(), account.standing.subscription_expires_at),
            ("paid", expires)
        );
        // While the monthly one lasted its role counted.
        let then = account.effective(&policy(), Timestamp::from_secs(monthly));
        assert_eq!(then.role.as_str(), before);
    }
}

#[test]
fn a_price_keeps_earning_when_its_lookup_key_moves_on() {
    let keyed = |key: Value, ends: i64| {
        let mut item = item("si_1", "price_2023", ends);
        item["price"]["lookup_key"] = key;
        item
    };
    let first = [keyed(json!("pro_monthly"), START + 30 * DAY)];
    let then = [keyed(Value::Null, START + 60 * DAY)];
    let happens = |stripe: &mut Stripe| {
        stripe.created(&adas_items(&first, false));
        stripe.updated(&adas_items(&then, false), &json!({"items": {"data": first}}));
    };
    let (store, came) = tell(&policy(), happens);
    assert_eq!((came, store.role("ada").0.as_str()), (Some(APPLIED), "pro"));
    // If the renewal comes first nobody can know the price: it is applied at its redrive.
    let mut stripe = Stripe::default();
    happens(&mut stripe);
    let (created, renewed) = (&stripe.sent[0], &stripe.sent[1]);
    let late = after([renewed, created], &policy(), NOW);
    assert!(!late.ledger.contains_key("evt_1"), "it is parked");
    let redriven = after([renewed, created, renewed], &policy(), NOW);
    assert_eq!(end_of(&redriven, &policy()), end_of(&store, &policy()));
    let expires = store.account(&user("ada")).unwrap().standing.subscription_expires_at;
    assert_eq!(expires, Some(Timestamp::from_secs(START + 60 * DAY)));
    // Another price that lost its key on another subscription earns nothing.
    let (_, came) = tell(&policy(), |stripe| {
        stripe.created(&adas_items(&first, false));
        stripe.created(&with(adas_items(&then, false), json!({"id": "sub_2"})));
    });
    assert_eq!(came, Some(Delivered::Parked(Code::PlanUnmapped)));
}

#[test]
fn a_subscription_of_2015_has_a_plan_and_no_items() {
    let old = |plan: &str, ends: i64| {
        json!({"id": "sub_1", "customer": "cus_1", "status": "active", "quantity": 1,
               "plan": {"id": plan, "object": "plan"}, "current_period_end": ends,
               "metadata": {"user_id": "ada"}})
    };
    let ends = START + 30 * DAY;
    let happens = |stripe: &mut Stripe| {
        stripe.created(&old("price_paid", ends));
        stripe.updated(&old("pro_monthly", ends), &json!({"plan": {"id": "price_paid"}}));
    };
    check_orders("an old shape", &policy(), happens, "ada:pro");
    let (store, _) = tell(&policy(), happens);
    let expires = store.account(&user("ada")).unwrap().standing.subscription_expires_at;
    assert_eq!(expires, Some(Timestamp::from_secs(ends)));
    let (_, came) = tell(&policy(), |stripe| stripe.created(&old("unknown", ends)));
    assert_eq!(came, Some(Delivered::Parked(Code::PlanUnmapped)));
}

#[test]
fn the_prices_of_another_business_are_ignored_and_an_unknown_one_is_not() {
    let policy = policy_with(|config| config.ignore_prices = vec!["prod_books".to_owned()]);
    let sold = |products: &[&str]| {
        let ends = START + 30 * DAY;
        let items: Vec<Value> = products
            .iter()
            .map(|product| {
                let price = json!({"id": format!("price_{product}"), "product": product});
                with(item(&format!("si_{product}"), "", ends), json!({ "price": price }))
            })
            .collect();
        let (store, came) = tell(&policy, |stripe| stripe.created(&adas_items(&items, false)));
        (came.unwrap(), store.role("ada").0)
    };
    let (free, parked) = ("free".to_owned(), Delivered::Parked(Code::PlanUnmapped));
    assert_eq!(sold(&["prod_books"]), (APPLIED, free.clone()));
    assert_eq!(sold(&["prod_books", "prod_pro"]), (APPLIED, "pro".to_owned()));
    assert_eq!(sold(&["prod_books", "prod_new"]), (parked, free.clone()));
    assert_eq!(sold(&["prod_new"]), (parked, free.clone()));
    assert_eq!(sold(&[]), (parked, free), "nothing at all is not another business");
}
