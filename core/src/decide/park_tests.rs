//! Events that cannot be applied: each is parked with its cause.

use super::*;

#[test]
fn what_cannot_be_applied_is_parked_with_its_cause() {
    let unmapped = |status| Sub { price: "price_unknown", ..adas("sub_1", status) };
    let policy_of = |livemode, past_due, unmapped_price| {
        Policy::new(PolicyConfig { livemode, past_due, unmapped_price, ..config() }).unwrap()
    };
    let park = policy_of(false, PastDue::Keep, UnmappedPrice::Park);
    let ignore = policy_of(false, PastDue::Keep, UnmappedPrice::Ignore);
    let revoke = policy_of(false, PastDue::Revoke, UnmappedPrice::Park);
    let live = policy_of(true, PastDue::Keep, UnmappedPrice::Park);
    let parked = Delivered::Parked(Code::PlanUnmapped);
    let applied = Delivered::Committed(Outcome::Applied);
    let mut ends = Stripe::default();
    ends.create(adas("sub_1", "active"));
    ends.update("sub_1", |sub| sub.price = "price_unknown");
    ends.later(1);
    ends.end("sub_1");
    let mut odd_end = Stripe::default();
    odd_end.subs.insert("sub_1".to_owned(), unmapped("active"));
    odd_end.says("sub_1", "customer.subscription.deleted");
    let mut empty = Stripe::default();
    let mut without_items = adas("sub_1", "active").object();
    without_items["items"]["data"] = json!([]);
    empty.send("customer.subscription.created", &without_items, &Value::Null);
    let one = |sub: Sub| {
        let mut stripe = Stripe::default();
        stripe.create(sub);
        stripe.sent
    };
    for (bodies, policy, expected) in [
        (one(unmapped("active")), &park, vec![parked]),
        (one(unmapped("past_due")), &park, vec![parked]),
        (one(unmapped("past_due")), &revoke, vec![applied]),
        (one(unmapped("unpaid")), &park, vec![applied]),
        (one(unmapped("canceled")), &park, vec![applied]),
        (one(unmapped("active")), &ignore, vec![applied]),
        (one(adas("sub_1", "active")), &live, vec![Delivered::Parked(Code::LivemodeMismatch)]),
        (empty.sent, &park, vec![parked]),
        // A subscription of an unmapped price can end.
        (ends.sent, &park, vec![applied, parked, applied]),
        (odd_end.sent, &park, vec![applied]),
    ] {
        let mut store = ReferenceModel::default();
        let got: Vec<_> =
            bodies.iter().map(|body| store.deliver(body.as_bytes(), policy, NOW)).collect();
        assert_eq!(got, expected, "{bodies:?}");
        let parks = expected.iter().filter(|came| matches!(came, Delivered::Parked(_))).count();
        assert_eq!(store.ledger.len(), expected.len() - parks, "parked is not processed");
        let warned = store.ledger.values().any(|row| row.cause == Some(Code::PlanUnmapped));
        assert_eq!(warned, policy.unmapped_price == UnmappedPrice::Ignore, "{bodies:?}");
    }
}

#[test]
fn a_deployment_takes_events_of_its_own_mode_alone() {
    let mut stripe = Stripe::default();
    stripe.create(adas("sub_1", "active"));
    let test = stripe.sent[0].clone();
    let live = test.replace("\"livemode\":false", "\"livemode\":true");
    for livemode in [false, true] {
        let policy = policy_with(|config| config.livemode = livemode);
        for (body, is_live) in [(&test, false), (&live, true)] {
            let came = ReferenceModel::default().deliver(body.as_bytes(), &policy, NOW);
            let expected = if is_live == livemode {
                Delivered::Committed(Outcome::Applied)
            } else {
                Delivered::Parked(Code::LivemodeMismatch)
            };
            assert_eq!(came, expected, "{body} at livemode = {livemode}");
        }
    }
}

#[test]
fn a_parked_event_is_applied_once_the_plan_map_is_fixed() {
    let (mut stripe, mut store) = (Stripe::default(), ReferenceModel::default());
    stripe.create(Sub { price: "price_new", ..adas("sub_1", "active") });
    assert_eq!(
        store.deliver(stripe.sent[0].as_bytes(), &policy(), NOW),
        Delivered::Parked(Code::PlanUnmapped)
    );
    let fixed = policy_with(|config| config.plans.push(PlanConfig::new("price_new", "pro")));
    assert_eq!(
        store.deliver(stripe.sent[0].as_bytes(), &fixed, NOW),
        Delivered::Committed(Outcome::Applied)
    );
    assert_eq!(store.role("ada"), ("pro".to_owned(), 1));
}

#[test]
fn a_thin_event_is_parked() {
    let thin = json!({"id": "evt_1", "object": "v2.core.event", "livemode": false,
        "type": "v1.customer.subscription.updated", "created": "2026-10-01T10:00:00.000Z",
        "related_object": {"id": "sub_1", "type": "subscription"}, "snapshot_event": "evt_2"});
    let mut store = ReferenceModel::default();
    let came = store.deliver(thin.to_string().as_bytes(), &policy(), NOW);
    assert_eq!(came, Delivered::Parked(Code::EventThin));
    assert_eq!(store, ReferenceModel::default());
}
