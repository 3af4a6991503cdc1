//! Cases that people reported, and that other programs get wrong: the items of a subscription, their prices,
//! quantities and periods.

use super::*;

const APPLIED: Delivered = Delivered::Committed(Outcome::Applied);

/// A subscription item in the shape of Basil.
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
    pub(super) fn created(&mut self, object: &Value) {
        self.send("customer.subscription.created", object, &Value::Null);
    }

    pub(super) fn updated(&mut self, object: &Value, previous: &Value) {
        self.later(60);
        self.send("customer.subscription.updated", object, previous);
    }
}

#[test]
fn a_truncated_list_removes_nothing() {
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
        // A complete list shows what was removed.
        let (store, _) = tell(&policy, |stripe| {
            happens(stripe);
            stripe.updated(&adas_items(&then, false), &json!({}));
        });
        assert_eq!(store.role("ada").0, "paid");
    }
    // The plan is among the items that were known, or among those before the event.
    let others: Vec<Value> = (8..18).map(metered).collect();
    let (store, came) = tell(&policy(), |stripe| {
        stripe.created(&adas_items(&first, false));
        stripe.updated(&adas_items(&others, true), &json!({}));
    });
    assert_eq!((came, store.role("ada").0.as_str()), (Some(APPLIED), "pro"));
    let (_, came) = tell(&policy(), |stripe| {
        stripe.updated(&adas_items(&others, true), &json!({"items": {"data": first}}));
    });
    assert_eq!(came, Some(APPLIED));
    // The plan may be behind the ten items that the event shows: nobody is to blame [plans] for that.
    let behind = |stripe: &mut Stripe| {
        let metered: Vec<Value> = (0..10).map(metered).collect();
        stripe.created(&adas_items(&metered, true));
    };
    let (_, came) = tell(&policy(), behind);
    assert_eq!(came, Some(Delivered::Parked(Code::ItemsTruncated)));
    let ignore = policy_with(|config| config.unmapped_price = UnmappedPrice::Ignore);
    let row = &tell(&ignore, behind).0.ledger["evt_0"];
    assert_eq!((row.cause, row.ambiguous), (Some(Code::ItemsTruncated), true));
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
        // The role of the monthly item counted while it lasted.
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
    // If the renewal arrives first, its previous attributes have the lookup key.
    let mut stripe = Stripe::default();
    happens(&mut stripe);
    let (created, renewed) = (&stripe.sent[0], &stripe.sent[1]);
    let late = after([renewed, created], &policy(), NOW);
    assert_eq!(end_of(&late, &policy()), end_of(&store, &policy()));
    let expires = store.account(&user("ada")).unwrap().standing.subscription_expires_at;
    assert_eq!(expires, Some(Timestamp::from_secs(START + 60 * DAY)));
    // A price that is mapped itself earns what it is mapped to, whatever its key.
    let mut mapped = item("si_1", "price_paid", START + 30 * DAY);
    mapped["price"]["lookup_key"] = json!("pro_monthly");
    let (store, _) = tell(&policy(), |stripe| stripe.created(&adas_items(&[mapped], false)));
    assert_eq!(store.role("ada").0, "paid");
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
