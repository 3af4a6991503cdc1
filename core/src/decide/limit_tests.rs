//! Limits of decisions: of ids, subscriptions, customers and time.

use proptest::prelude::*;

use super::*;

#[test]
fn system_event_ids_of_two_long_users_differ() {
    let same = "x".repeat(ID_BYTES_MAX - 1);
    let policy = policy();
    let account = |user: &str| Account::new(UserId::new(user).unwrap(), &policy);
    let expired = |user: &str| expire(account(user), &policy, NOW).unwrap().ledger.event;
    let assigned = |user: &str| {
        let operator = policy.role("operator").cloned();
        assign(account(user), operator, &policy, NOW).unwrap().ledger.event
    };
    let ids = [
        expired(&format!("{same}a")),
        expired(&format!("{same}b")),
        assigned(&format!("{same}b")),
        expired("a"),
        expired("1.a"),
    ];
    assert_eq!(std::collections::BTreeSet::from(ids.clone()).len(), ids.len(), "{ids:?}");
}

#[test]
fn limits_park_what_is_too_much_and_let_ends_through() {
    let (mut stripe, mut store, policy) = scene();
    for n in 0..=SUBSCRIPTIONS_MAX {
        stripe.create(adas(&format!("sub_{n:03}"), "active"));
    }
    stripe.end("sub_007");
    stripe.create(adas("sub_new", "active"));
    let came: Vec<_> =
        stripe.sent.iter().map(|b| store.deliver(b.as_bytes(), &policy, NOW)).collect();
    let parked: Vec<_> =
        (0..came.len()).filter(|n| came[*n] != Delivered::Committed(Outcome::Applied)).collect();
    assert_eq!(parked, [SUBSCRIPTIONS_MAX]);
    assert_eq!(came[SUBSCRIPTIONS_MAX], Delivered::Parked(Code::CustomerTooLarge));
    let customer = store.customer(&CustomerId::new("cus_1").unwrap());
    assert!(!customer.subscriptions.contains_key("sub_007"), "the ended one made room");

    let (mut stripe, mut store) = (Stripe::default(), ReferenceModel::default());
    for n in 0..=CUSTOMERS_PER_USER_MAX {
        stripe.create(Sub { customer: format!("cus_{n}"), ..adas(&format!("sub_{n}"), "active") });
    }
    stripe.end("sub_0");
    let came: Vec<_> =
        stripe.sent.iter().map(|b| store.deliver(b.as_bytes(), &policy, NOW)).collect();
    assert_eq!(came[CUSTOMERS_PER_USER_MAX], Delivered::Parked(Code::AccountTooLarge));
    assert_eq!(came[CUSTOMERS_PER_USER_MAX + 1], Delivered::Committed(Outcome::Applied));
    // After there is room again, a redrive applies it.
    let again = store.deliver(stripe.sent[CUSTOMERS_PER_USER_MAX].as_bytes(), &policy, NOW);
    assert_eq!(again, Delivered::Committed(Outcome::Applied));
}

/// Strangers begin trials for ada, more than an account keeps, and she pays.
fn strangers_and_ada() -> Stripe {
    let mut stripe = Stripe::default();
    for n in 0..CUSTOMERS_PER_USER_MAX + 8 {
        let trial = adas(&format!("sub_{n}"), "trialing");
        let days = i64::try_from(n).unwrap() % 5;
        stripe.create(Sub {
            customer: format!("cus_{n}"),
            ends: START + (20 + days) * DAY,
            ..trial
        });
    }
    stripe.create(Sub { customer: "cus_ada".into(), ..adas("sub_ada", "active") });
    stripe
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_stranger_crowds_out_who_pays(sent in Just(strangers_and_ada().sent).prop_shuffle()) {
        let (mut store, policy) = (ReferenceModel::default(), policy());
        for body in &sent {
            let came = store.deliver(body.as_bytes(), &policy, NOW);
            let is_hers = body.contains("cus_ada");
            prop_assert!(!is_hers || came == Delivered::Committed(Outcome::Applied), "{:?}", came);
        }
        let account = store.account(&user("ada")).unwrap();
        prop_assert!(account.grants.contains_key("cus_ada"));
        prop_assert_eq!(store.role("ada"), ("paid".to_owned(), 1));
        let after_trials = Timestamp::from_secs(START + 25 * DAY);
        let later = account.effective(&policy, after_trials);
        prop_assert_eq!(later.role.as_str(), "paid");
    }
}

#[test]
fn a_purchase_of_a_plan_takes_the_room_of_one_that_is_none() {
    let (store, came) = tell(&policy(), |stripe| {
        for n in 0..PURCHASES_MAX {
            let book = json!({"payment_intent": format!("pi_{n}"), "payment_link": "plink_book"});
            stripe.sell("completed", book);
        }
        let plan = json!({"payment_intent": "pi_new", "client_reference_id": "ada",
                          "metadata": {"plan": "price_paid"}});
        stripe.sell("completed", plan);
    });
    assert_eq!(came, Some(Delivered::Committed(Outcome::Applied)));
    assert_eq!(store.role("ada").0, "paid");
}

#[test]
fn the_ends_of_time_are_no_panic() {
    for created in [i64::MIN, -1, 0, i64::MAX] {
        for ends in [i64::MIN, 0, i64::MAX] {
            for status in ["active", "past_due", "canceled"] {
                let (mut stripe, mut store) = (Stripe::default(), ReferenceModel::default());
                stripe.at = created.saturating_sub(START);
                stripe.create(Sub { ends, ..adas("sub_1", status) });
                let event = stripe.sent[0].replace(
                    &format!("\"created\":{}", START + stripe.at),
                    &format!("\"created\":{created}"),
                );
                for now in [i64::MIN, 0, i64::MAX].map(Timestamp::from_millis) {
                    store.clone().deliver(event.as_bytes(), &policy(), now);
                }
                assert_eq!(
                    store.deliver(event.as_bytes(), &policy(), NOW),
                    Delivered::Committed(Outcome::Applied)
                );
            }
        }
    }
}
