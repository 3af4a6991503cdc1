//! The edges of subscription events: the node before and the node after.

use super::*;
use crate::payment::PaymentState;

/// An update of the small subscription: patch, `previous_attributes`, and the edge.
fn check_update(patch: Value, previous: &Value, expected: &str) {
    let data = json!({"object": patched(subscription(), patch), "previous_attributes": previous});
    let got = event(Type::SubscriptionUpdated, 7, &data).map(|event| show_edge(&event));
    assert_eq!(got.as_deref(), Ok(expected), "{data}");
}

#[test]
fn real_bodies_are_read() {
    let pro = "price_1PgafmB7WZ01zgkW6dKueIc5/prod_QXg1hqf4jFNsqG/pro_monthlyx1";
    let old = "price_1PgOldB7WZ01zgkWold00001/prod_QXgOldOldOld01x1";
    let to = format!("active {pro}@1724550293 ada");
    for (body, kind, expected) in [
        (BODIES[0], Type::SubscriptionCreated, format!("created -> {to}")),
        (BODIES[1], Type::SubscriptionUpdated, format!("active {old}@1724550293 ada -> {to}")),
        (BODIES[2], Type::SubscriptionUpdated, format!("active {old}@1721871893 ada -> {to}")),
        (BODIES[3], Type::SubscriptionDeleted, format!("unknown -> canceled {pro}@1724550293 ada")),
    ] {
        let event = parse(body.as_bytes()).unwrap();
        assert_eq!((event.kind, show_edge(&event)), (kind, expected));
        assert_eq!(event.customer.unwrap().as_str(), "cus_QXg1o8vcGmoR32");
        assert!(!event.livemode);
        assert!(event.id.as_str().starts_with("evt_1Pg"));
    }
    let user = Some(UserId::new("ada").unwrap());
    let checkout = parse(BODIES[4].as_bytes()).unwrap();
    assert_eq!(checkout.created, Timestamp::from_secs(1_721_871_895));
    let id = SubscriptionId::new("sub_1PgcZsB7WZ01zgkWrXyZ1234").unwrap();
    let report = PaymentReport { at_secs: 1_721_871_895, state: PaymentState::Paid };
    assert_eq!(checkout.fact, Fact::Checkout { id, user: user.clone(), report });
    assert_eq!(parse(BODIES[5].as_bytes()).unwrap().fact, Fact::Customer { user });
    assert!(matches!(parse(BODIES[6].as_bytes()).unwrap().fact, Fact::Invoice { .. }));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn an_update_goes_from_what_was_to_what_is() {
    let b = || item("si_1", "b", 100);
    let second = || item("si_2", "c", 100);
    for (patch, previous, expected) in [
        // Nothing tracked changed.
        (json!({}), json!({"latest_invoice": "in_1"}), "active ax1@100 ada -> active ax1@100 ada"),
        // Scalars.
        (
            json!({"status": "past_due"}),
            json!({"status": "active"}),
            "active ax1@100 ada -> past_due ax1@100 ada",
        ),
        (
            json!({"status": "active"}),
            json!({"status": "something_new"}),
            "something_new ax1@100 ada -> active ax1@100 ada",
        ),
        (
            json!({"cancel_at_period_end": true}),
            json!({"cancel_at_period_end": false, "cancel_at": null}),
            "active ax1@100 ada -> active ax1@100 cancels ada",
        ),
        (
            json!({"cancel_at_period_end": false}),
            json!({"cancel_at_period_end": true}),
            "active ax1@100 cancels ada -> active ax1@100 ada",
        ),
        (
            json!({"pause_collection": {"behavior": "void", "resumes_at": null}}),
            json!({"pause_collection": null}),
            "active ax1@100 ada -> active ax1@100 voided ada",
        ),
        (
            json!({"pause_collection": null}),
            json!({"pause_collection": {"behavior": "void"}}),
            "active ax1@100 voided ada -> active ax1@100 ada",
        ),
        (
            json!({"pause_collection": {"resumes_at": 9}}),
            json!({"pause_collection": null}),
            "active ax1@100 ada -> active ax1@100 paused somehow ada",
        ),
        (
            json!({"pause_collection": {"behavior": "keep_as_draft"}}),
            json!({"pause_collection": {"behavior": "mark_uncollectible"}}),
            "active ax1@100 uncollectible ada -> active ax1@100 kept as drafts ada",
        ),
        (
            json!({"cancel_at": 90, "trial_end": 50}),
            json!({"cancel_at": null, "trial_end": null}),
            "active ax1@100 ada -> active ax1@100 until 90 trial 50 ada",
        ),
        (
            json!({"cancel_at": null}),
            json!({"cancel_at": 90}),
            "active ax1@100 until 90 ada -> active ax1@100 ada",
        ),
        // Items: the whole list as it was.
        (
            items(&[b()]),
            items(&[item("si_1", "a", 100)]),
            "active ax1@100 ada -> active bx1@100 ada",
        ),
        (
            items(&[item("si_1", "a", 100), second()]),
            items(&[item("si_1", "a", 100)]),
            "active ax1@100 ada -> active ax1@100 cx1@100 ada",
        ),
        (
            items(&[item("si_1", "a", 100)]),
            items(&[item("si_1", "a", 100), second()]),
            "active ax1@100 cx1@100 ada -> active ax1@100 ada",
        ),
        (
            items(&[item("si_9", "z", 100)]),
            items(&[item("si_1", "a", 100)]),
            "active ax1@100 ada -> active zx1@100 ada",
        ),
        (json!({}), items(&[]), "active ada -> active ax1@100 ada"),
        // Partial items, laid over the item with the same id, or without an id over that at the same index.
        (
            items(&[item("si_1", "a", 200), item("si_2", "c", 200)]),
            items(&[json!({"current_period_end": 100}), json!({"current_period_end": 100})]),
            "active ax1@100 cx1@100 ada -> active ax1@200 cx1@200 ada",
        ),
        (
            items(&[item("si_1", "a", 200), second()]),
            items(&[json!({"current_period_end": 100})]),
            "active ax1@100 cx1@100 ada -> active ax1@200 cx1@100 ada",
        ),
        (
            items(&[item("si_1", "a", 100), item("si_2", "c", 200)]),
            items(&[json!({"id": "si_2", "current_period_end": 100}), item("si_1", "a", 100)]),
            "active ax1@100 cx1@100 ada -> active ax1@100 cx1@200 ada",
        ),
        (
            items(&[json!({"id": "si_1", "price": {"id": "a"}, "quantity": 5})]),
            items(&[json!({"quantity": 1})]),
            "active ax1 ada -> active ax5 ada",
        ),
        (
            items(&[item("si_1", "a", 100)]),
            items(&[json!({"price": {"id": "b"}})]),
            "active bx1@100 ada -> active ax1@100 ada",
        ),
        // A whole item without a quantity is metered, whatever it became.
        (
            items(&[item("si_1", "b", 100)]),
            items(&[json!({"id": "si_1", "price": {"id": "a"}, "current_period_end": 100})]),
            "active a@100 ada -> active bx1@100 ada",
        ),
        (
            items(&[item("si_1", "a", 100)]),
            items(&[json!({"id": "si_1", "plan": {"id": "a"}})]),
            "active a@100 ada -> active ax1@100 ada",
        ),
        (
            items(&[item("si_1", "b", 100)]),
            items(&[json!({"id": "si_1", "current_period_end": 90})]),
            "active bx1@90 ada -> active bx1@100 ada",
        ),
        // A replaced price has its own lookup key; the same price keeps the one that it has.
        (
            items(&[
                json!({"id": "si_1", "price": {"id": "a", "product": "p", "lookup_key": "k"}}),
            ]),
            items(&[
                json!({"id": "si_1", "price": {"id": "b", "product": "q", "lookup_key": null}}),
            ]),
            "active b/q ada -> active a/p/k ada",
        ),
        (
            items(&[
                json!({"id": "si_1", "price": {"id": "a", "product": "p", "lookup_key": "k"}}),
            ]),
            items(&[json!({"current_period_end": 5})]),
            "active a/p/k@5 ada -> active a/p/k ada",
        ),
        (
            items(&[
                json!({"id": "si_1", "price": {"id": "a", "product": "p", "lookup_key": "k"}}),
            ]),
            items(&[json!({"id": "si_1", "price": {"id": "a"}, "quantity": 2})]),
            "active a/p/kx2 ada -> active a/p/k ada",
        ),
        // Beside items, the plan says nothing.
        (
            json!({"plan": {"id": "y"}}),
            json!({"plan": {"id": "x"}}),
            "active ax1@100 ada -> active ax1@100 ada",
        ),
        (
            json!({"items": {"data": [b()], "has_more": false}}),
            json!({"items": {"data": [item("si_1", "a", 100)], "has_more": true}}),
            "active ax1@100 and more ada -> active bx1@100 ada",
        ),
        // Metadata: only the keys that changed.
        (
            json!({"metadata": {"user_id": "bob"}}),
            json!({"metadata": {"user_id": "ada"}}),
            "active ax1@100 ada -> active ax1@100 bob",
        ),
        (
            json!({"metadata": {"user_id": "bob"}}),
            json!({"metadata": {"user_id": null}}),
            "active ax1@100 -> active ax1@100 bob",
        ),
        (
            json!({"metadata": {"userId": "bob"}}),
            json!({"metadata": {"userId": null}}),
            "active ax1@100 ada -> active ax1@100 ada",
        ),
        (
            json!({"metadata": {"user_id": null, "userId": "bob"}}),
            json!({"metadata": {"user_id": "ada"}}),
            "active ax1@100 ada -> active ax1@100 bob",
        ),
        (
            json!({"metadata": null}),
            json!({"metadata": {"user_id": "ada"}}),
            "active ax1@100 ada -> active ax1@100",
        ),
        (
            json!({"metadata": {"colour": "red"}}),
            json!({"metadata": {"colour": "blue"}}),
            "active ax1@100 ada -> active ax1@100 ada",
        ),
        (json!({"metadata": {"user_id": ""}}), json!({}), "active ax1@100 -> active ax1@100"),
        // Missing or unreadable previous attributes: the event only asserts its node.
        (json!({}), Value::Null, "unknown -> active ax1@100 ada"),
        (
            json!({"metadata": {"user_id": "ada"}}),
            json!({"metadata": {"user_id": "a\nb"}}),
            "unknown -> active ax1@100 ada",
        ),
    ] {
        check_update(patch, &previous, expected);
    }
}

#[test]
fn before_basil_the_period_and_quantity_are_the_subscriptions() {
    let old_item = json!({"id": "si_1", "plan": {"id": "a", "product": "p"}});
    let top = |end: i64, quantity: i64| {
        patched(
            items(std::slice::from_ref(&old_item)),
            json!({"current_period_end": end, "quantity": quantity}),
        )
    };
    for (patch, previous, expected) in [
        (
            top(200, 1),
            json!({"current_period_end": 100, "current_period_start": 1}),
            "active a/px1@100 ada -> active a/px1@200 ada",
        ),
        (top(200, 3), json!({"quantity": 1}), "active a/px1@200 ada -> active a/px3@200 ada"),
        (top(200, 1), json!({"quantity": null}), "active a/p@200 ada -> active a/px1@200 ada"),
        (
            top(200, 1),
            json!({"current_period_end": null}),
            "active a/px1 ada -> active a/px1@200 ada",
        ),
        // If both are sent, that of the item counts.
        (
            json!({"current_period_end": 900, "quantity": 9}),
            json!({}),
            "active ax1@100 ada -> active ax1@100 ada",
        ),
    ] {
        check_update(patch, &previous, expected);
    }
}

#[test]
fn before_2016_what_changed_of_the_plan_may_be_all_that_there_was() {
    let with = |plan: Value| {
        json!({"id": "sub_1", "customer": "cus_1", "status": "active", "quantity": 1, "plan": plan,
            "current_period_end": 100, "metadata": {"user_id": "ada"}})
    };
    for (plan, before, expected) in [
        (json!({"id": "a"}), json!({"name": "Gold"}), "active ax1@100 ada -> active ax1@100 ada"),
        (json!({"id": "a"}), json!({"id": "b"}), "active bx1@100 ada -> active ax1@100 ada"),
        (
            json!({"id": "a", "product": "p"}),
            json!({"product": "q"}),
            "active a/qx1@100 ada -> active a/px1@100 ada",
        ),
    ] {
        let data = json!({"object": with(plan), "previous_attributes": {"plan": before}});
        let event = event(Type::SubscriptionUpdated, 7, &data).unwrap();
        assert_eq!(show_edge(&event), expected, "{data}");
    }
}

#[test]
fn stripes_varieties_are_tolerated() {
    let mut many: Vec<_> = (0..100).map(|n| item("si", &format!("p{n:02}"), n)).collect();
    for (patch, expected) in [
        (
            json!({"customer": {"id": "cus_1", "object": "customer", "email": null}}),
            "active ax1@100 ada",
        ),
        (json!({"status": "brand_new"}), "brand_new ax1@100 ada"),
        (
            json!({"unknown": {"deep": [[{}]]}, "billing_mode": {"type": "flexible"}}),
            "active ax1@100 ada",
        ),
        (json!({"items": {"data": []}}), "active ada"),
        (json!({"cancel_at_period_end": null}), "active ax1@100 ada"),
        (items(&[json!({"id": "si_1"})]), "active  ada"),
        (
            items(&[json!({"id": "si_1", "price": {"id": "a", "product": {"id": "p"}}})]),
            "active a/p ada",
        ),
        (items(&[json!({"id": "si_1", "price": {"id": "a", "product": 7}})]), "active a ada"),
        (items(&[item("si_2", "b", 2), item("si_1", "a", 1)]), "active ax1@1 bx1@2 ada"),
        (
            items(&[item("s", "a", i64::MAX), item("t", "b", i64::MIN)]),
            "active ax1@9223372036854775807 bx1@-9223372036854775808 ada",
        ),
    ] {
        let data = json!({"object": patched(subscription(), patch)});
        let event = event(Type::SubscriptionCreated, 7, &data).unwrap();
        assert_eq!(show_edge(&event), format!("created -> {expected}"), "{data}");
    }
    let of = |many: &[Value]| {
        let data = json!({"object": patched(subscription(), items(many))});
        event(Type::SubscriptionCreated, 7, &data)
    };
    assert!(of(&many).is_ok());
    many.push(item("si", "one_more", 1));
    assert!(of(&many).unwrap_err().to_string().contains("101 items"), "{:?}", of(&many));
}
