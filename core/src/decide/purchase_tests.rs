//! Purchases: what a one-off payment earns, for whom and for how long.

use super::*;

const UNRELATED: Delivered = Delivered::Committed(Outcome::Unrelated);
const APPLIED: Delivered = Delivered::Committed(Outcome::Applied);
const WAITING: Delivered = Delivered::Committed(Outcome::Waiting);

/// Plans: `gold` is pro permanently; `pass` is paid for 30 days, and `plink_1` pro for 7.
fn plans(config: &mut PolicyConfig) {
    let days = |days, plan| PlanConfig { days: Some(days), ..plan };
    config.plans.extend([
        PlanConfig::new("gold", "pro"),
        days(30, PlanConfig::new("pass", "paid")),
        days(7, PlanConfig::new("plink_1", "pro")),
    ]);
}

/// The role, the days until the expiry and the outcome after a paid session for ada.
fn sold(policy: &Policy, patch: Value) -> (String, Option<i64>, Delivered) {
    let session = with(json!({"client_reference_id": "ada"}), patch);
    let (store, came) = tell(policy, |stripe| stripe.sell("completed", session));
    let standing = store.account(&user("ada")).map(|account| account.standing);
    let expires = standing.and_then(|standing| standing.subscription_expires_at);
    let days = expires.map(|at| (at.as_secs() - START) / DAY);
    (store.role("ada").0, days, came.unwrap())
}

#[test]
fn the_plan_is_that_of_the_session_or_of_its_link_or_of_its_items() {
    let policy = policy_with(plans);
    let line = |price: Value| json!({"id": "li_1", "quantity": 1, "price": price});
    let items = |lines: &[Value]| json!({"line_items": {"data": lines}});
    let (paid, pro) = (line(json!({"id": "price_paid"})), line(json!({"id": "pro_monthly"})));
    for (patch, role, days, came) in [
        (json!({"metadata": {"plan": "gold"}}), "pro", None, APPLIED),
        (json!({"metadata": {"plan": "pass"}}), "paid", Some(30), APPLIED),
        (json!({"payment_link": "plink_1"}), "pro", Some(7), APPLIED),
        (items(std::slice::from_ref(&paid)), "paid", None, APPLIED),
        // The best of several items counts; one of quantity 0 does not.
        (items(&[paid.clone(), pro.clone()]), "pro", None, APPLIED),
        (items(&[paid.clone(), with(pro.clone(), json!({"quantity": 0}))]), "paid", None, APPLIED),
        (items(&[line(json!({"id": "x", "product": "prod_pro"}))]), "pro", None, APPLIED),
        (items(&[line(json!({"id": "x", "lookup_key": "pass"}))]), "paid", Some(30), APPLIED),
        // Of several plans of one role the longest counts, and the role counts more.
        (
            items(&[line(json!({"id": "x", "lookup_key": "pass"})), paid.clone()]),
            "paid",
            None,
            APPLIED,
        ),
        (items(&[paid.clone(), line(json!({"id": "plink_1"}))]), "pro", Some(7), APPLIED),
        // The first of them that is mapped decides.
        (
            with(items(std::slice::from_ref(&pro)), json!({"metadata": {"plan": "pass"}})),
            "paid",
            Some(30),
            APPLIED,
        ),
        (
            json!({"metadata": {"plan": "pass"}, "payment_link": "plink_1"}),
            "paid",
            Some(30),
            APPLIED,
        ),
        (
            with(items(std::slice::from_ref(&pro)), json!({"payment_link": "plink_other"})),
            "pro",
            None,
            APPLIED,
        ),
        (
            json!({"metadata": {"plan": "other"}, "payment_link": "plink_1"}),
            "pro",
            Some(7),
            APPLIED,
        ),
        // A purchase that is no plan is unrelated, unless the session's metadata names it as a plan.
        (json!({}), "free", None, UNRELATED),
        (json!({"payment_link": "plink_other"}), "free", None, UNRELATED),
        (items(&[line(json!({"id": "price_book"}))]), "free", None, UNRELATED),
        (
            json!({"metadata": {"plan": "other"}}),
            "free",
            None,
            Delivered::Parked(Code::PlanUnmapped),
        ),
        (
            json!({"metadata": {"plan": "other"}, "payment_status": "unpaid"}),
            "free",
            None,
            UNRELATED,
        ),
    ] {
        let expected = (role.to_owned(), days, came);
        assert_eq!(sold(&policy, patch.clone()), expected, "{patch}");
    }
    let ignore = policy_with(|config| config.unmapped_price = UnmappedPrice::Ignore);
    let (store, came) =
        tell(&ignore, |stripe| stripe.sell("completed", json!({"metadata": {"plan": "other"}})));
    assert!(matches!(came, Some(Delivered::Committed(_))));
    assert_eq!(store.ledger["evt_0"].cause, Some(Code::PlanUnmapped));
}

#[test]
fn a_purchase_gives_nothing_before_it_is_paid() {
    let policy = policy_with(plans);
    let gold = || json!({"metadata": {"plan": "gold"}, "client_reference_id": "ada"});
    let unpaid = || with(gold(), json!({"payment_status": "unpaid"}));
    let pending = |stripe: &mut Stripe| {
        stripe.sell("completed", unpaid());
        stripe.later(DAY / 2);
    };
    check_orders("pending", &policy, pending, "ada:free");
    let succeeded = |stripe: &mut Stripe| {
        pending(stripe);
        stripe.sell("async_payment_succeeded", gold());
    };
    check_orders("succeeded", &policy, succeeded, "ada:pro");
    let failed = |stripe: &mut Stripe| {
        pending(stripe);
        stripe.sell("async_payment_failed", unpaid());
    };
    check_orders("failed", &policy, failed, "ada:free");
    let at_last = |stripe: &mut Stripe| {
        failed(stripe);
        stripe.later(1);
        stripe.sell("async_payment_succeeded", gold());
    };
    check_orders("failed, then succeeded", &policy, at_last, "ada:pro");
    // A pass begins when it is paid.
    let (store, _) = tell(&policy, |stripe| {
        let pass = json!({"metadata": {"plan": "pass"}, "client_reference_id": "ada"});
        stripe.sell("completed", with(pass.clone(), json!({"payment_status": "unpaid"})));
        stripe.later(DAY / 2);
        stripe.sell("async_payment_succeeded", pass);
    });
    let ends = store.account(&user("ada")).unwrap().standing.subscription_expires_at;
    assert_eq!(ends, Some(Timestamp::from_secs(START + 30 * DAY + DAY / 2)));
}

#[test]
fn a_guests_purchase_belongs_to_the_user_of_its_session() {
    let policy = policy_with(plans);
    let guest = |patch: Value| {
        let session = json!({"customer": null, "metadata": {"plan": "gold"}});
        let (store, came) = tell(&policy, |stripe| {
            stripe.customer("updated", "cus_1", Some("bob"));
            stripe.sell("completed", with(session, patch));
        });
        (roles(&store, "ada:- bob:-"), came.unwrap())
    };
    let free = || "ada:free bob:free".to_owned();
    let adas = || "ada:pro bob:free".to_owned();
    assert_eq!(guest(json!({"client_reference_id": "ada"})), (adas(), APPLIED));
    let metadata = json!({"metadata": {"plan": "gold", "userId": "ada"}});
    assert_eq!(guest(metadata), (adas(), APPLIED));
    assert_eq!(guest(json!({})), (free(), WAITING));
    // If it is free, its id is that of the session.
    let free_of_charge = json!({"client_reference_id": "ada", "payment_intent": null,
                                "payment_status": "no_payment_required"});
    assert_eq!(guest(free_of_charge), (adas(), APPLIED));
}

#[test]
fn a_purchase_of_a_customer_is_owned_like_its_subscriptions() {
    let policy = policy_with(plans);
    let gold = json!({"metadata": {"plan": "gold"}});
    let by_customer = |stripe: &mut Stripe| {
        stripe.sell("completed", gold.clone());
        stripe.later(1);
        stripe.customer("updated", "cus_1", Some("ada"));
    };
    check_orders("by the customer's metadata", &policy, by_customer, "ada:pro");
    let by_the_rest = |stripe: &mut Stripe| {
        stripe.create(adas("sub_1", "active"));
        stripe.sell("completed", gold.clone());
    };
    check_orders("by everything else", &policy, by_the_rest, "ada:pro");
    let of_another = |stripe: &mut Stripe| {
        stripe.create(adas("sub_1", "active"));
        stripe.sell("completed", with(gold.clone(), json!({"client_reference_id": "bob"})));
    };
    check_orders("a present", &policy, of_another, "ada:paid bob:pro");
}

/// Two passes of 30 days, bought ten days apart by the users of these sessions.
fn two_passes(stripe: &mut Stripe, patches: [Value; 2]) {
    stripe.later(-10 * DAY);
    for (n, patch) in (1..).zip(patches) {
        let pass = json!({"id": format!("cs_{n}"), "payment_intent": format!("pi_{n}"),
            "client_reference_id": "ada", "metadata": {"plan": "pass"}});
        stripe.sell("completed", with(pass, patch));
        stripe.later(10 * DAY);
    }
}

#[test]
fn passes_of_two_guests_of_one_user_add_up() {
    for (stack, days) in [(Stack::Extend, 50), (Stack::Longest, 30)] {
        let policy = policy_with(|config| {
            plans(config);
            config.stack = stack;
        });
        let guest = json!({"customer": null});
        for patches in
            [[json!({}), json!({})], [guest.clone(), guest.clone()], [guest.clone(), json!({})]]
        {
            let happens = |stripe: &mut Stripe| two_passes(stripe, patches.clone());
            check_orders("two passes", &policy, happens, "ada:paid");
            let (store, _) = tell(&policy, happens);
            let ends = store.account(&user("ada")).unwrap().standing.subscription_expires_at;
            assert_eq!(ends, Some(Timestamp::from_secs(START + days * DAY)), "{stack:?}");
        }
    }
}

#[test]
fn a_purchase_outlives_its_customer() {
    let policy = policy_with(plans);
    let happens = |stripe: &mut Stripe| {
        let gold = json!({"client_reference_id": "ada", "metadata": {"plan": "gold"}});
        stripe.sell("completed", gold);
        stripe.create(Sub { user: "bob".into(), ..Sub::new("sub_1", "cus_1", "active") });
        stripe.later(1);
        stripe.customer("deleted", "cus_1", None);
    };
    check_orders("deleted", &policy, happens, "ada:pro bob:free");
}

#[test]
fn a_pass_ends_without_grace_and_a_plan_without_days_does_not_end() {
    let policy = policy_with(plans);
    let (store, _) = tell(&policy, |stripe| two_passes(stripe, [json!({}), json!({})]));
    let account = store.account(&user("ada")).unwrap();
    let end = Timestamp::from_secs(START + 50 * DAY);
    assert_eq!(account.next_expiry_at, Some(end));
    let commit = expire(account, &policy, end).unwrap();
    assert_eq!(commit.accounts[0].role.as_str(), "free");
    assert_eq!(sold(&policy, json!({"metadata": {"plan": "gold"}})).1, None);
}
