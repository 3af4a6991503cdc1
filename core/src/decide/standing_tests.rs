//! What a session shows beside the role: the standing and the features.

use super::*;
use crate::{
    change::{
        Change,
        ChangeKind::{Downgraded, Subscription, Upgraded},
    },
    subscription::Status,
};

/// The standing in ada's session as a line, without what is null or false.
fn shown(store: &ReferenceModel, policy: &Policy) -> String {
    let Some(account) = store.account(&user("ada")) else { return String::new() };
    let standing = Session::new(&account, policy, NOW).standing;
    let mut line = standing.status.as_ref().map_or("-", Status::as_str).to_owned();
    line += if standing.subscription_active { " active" } else { "" };
    for (name, at) in [
        ("expires", standing.subscription_expires_at),
        ("trial", standing.trial_ends_at),
        ("cancels", standing.cancel_at),
        ("late", standing.past_due_since),
    ] {
        let day = at.map(|at| (at.as_secs() - START) / DAY);
        line += &day.map(|day| format!(" {name}@{day}")).unwrap_or_default();
    }
    line
}

fn shown_after(policy: &Policy, happens: impl FnOnce(&mut Stripe)) -> String {
    shown(&tell(policy, happens).0, policy)
}

#[test]
fn a_session_shows_the_subscription_as_stripe_has_it() {
    let trial_end = || Value::from(START + 14 * DAY);
    for (sub, expected) in [
        (adas("sub_1", "active"), "active active expires@30"),
        (
            Sub { trial_end: trial_end(), ..adas("sub_1", "trialing") },
            "trialing active expires@30 trial@14",
        ),
        // The trial is over.
        (Sub { trial_end: trial_end(), ..adas("sub_1", "active") }, "active active expires@30"),
        (Sub { cancels: true, ..adas("sub_1", "active") }, "active active expires@30 cancels@30"),
        (
            Sub { cancel_at: (START + 9 * DAY).into(), ..adas("sub_1", "active") },
            "active active expires@9 cancels@9",
        ),
        (
            Sub { cancels: true, cancel_at: (START + 9 * DAY).into(), ..adas("sub_1", "active") },
            "active active expires@9 cancels@9",
        ),
        // None of it is sold.
        (Sub { quantity: 0, ..adas("sub_1", "active") }, "active"),
        (adas("sub_1", "past_due"), "past_due active expires@0 late@0"),
        (adas("sub_1", "unpaid"), "unpaid"),
        (adas("sub_1", "paused"), "paused"),
        (adas("sub_1", "incomplete"), "incomplete"),
        (adas("sub_1", "on_the_moon"), "on_the_moon"),
        // A subscription that is over is not shown.
        (adas("sub_1", "canceled"), "-"),
        (adas("sub_1", "incomplete_expired"), "-"),
    ] {
        let what = format!("{} {} {}", sub.status, sub.cancels, sub.cancel_at);
        assert_eq!(shown_after(&policy(), |s| s.create(sub)), expected, "{what}");
    }
}

#[test]
fn of_several_the_best_is_shown_and_without_one_what_is_not_over() {
    let two = |first: Sub, second: Sub| {
        shown_after(&policy(), |stripe| {
            stripe.create(first);
            stripe.create(Sub { id: "sub_2".to_owned(), ..second });
        })
    };
    let active = || adas("sub_1", "active");
    let pro = || Sub { price: "pro_monthly", ..adas("sub_1", "trialing") };
    assert_eq!(two(active(), pro()), "trialing active expires@30");
    assert_eq!(two(active(), adas("sub_1", "unpaid")), "active active expires@30");
    assert_eq!(two(adas("sub_1", "canceled"), adas("sub_1", "unpaid")), "unpaid");
    // Which of two equal ones is shown does not depend on their ids.
    let trial = || adas("sub_1", "trialing");
    assert_eq!(two(active(), trial()), two(trial(), active()));
    let (unpaid, paused) = (|| adas("sub_1", "unpaid"), || adas("sub_1", "paused"));
    assert_eq!(two(unpaid(), paused()), two(paused(), unpaid()));
    // What is sold for something else is not shown.
    let ignore = policy_with(|config| config.unmapped_price = UnmappedPrice::Ignore);
    let other = Sub { price: "price_unknown", ..adas("sub_1", "active") };
    assert_eq!(shown_after(&ignore, |stripe| stripe.create(other)), "-");
    let bought = shown_after(&policy(), |stripe| {
        let gold = json!({"client_reference_id": "ada", "metadata": {"plan": "price_paid"}});
        stripe.sell("completed", gold);
    });
    assert_eq!(bought, "- active", "a purchase has no status");
}

#[test]
fn a_past_due_subscription_is_still_shown_after_its_grace() {
    let late = policy_with(|config| config.grace_days = 0);
    assert_eq!(shown_after(&late, |s| s.create(adas("sub_1", "past_due"))), "past_due late@0");
    let revoke = policy_with(|config| config.past_due = PastDue::Revoke);
    assert_eq!(shown_after(&revoke, |s| s.create(adas("sub_1", "past_due"))), "past_due late@0");
    let paused = policy_with(|config| {
        config.pause_collection = PauseCollection::all(Access::Revoke);
    });
    let sub = Sub { collection: json!({"behavior": "void"}), ..adas("sub_1", "active") };
    assert_eq!(shown_after(&paused, |s| s.create(sub)), "active", "its status does not say why");
}

/// The changes of ada's account that each webhook of a story causes.
fn changes(policy: &Policy, happens: impl FnOnce(&mut Stripe)) -> Vec<Vec<Change>> {
    let mut stripe = Stripe::default();
    happens(&mut stripe);
    let mut store = ReferenceModel::default();
    let mut all = Vec::new();
    for body in &stripe.sent {
        let Ok(crate::stripe::event::Head::Wanted { id, kind, .. }) =
            crate::stripe::event::Head::parse(body.as_bytes(), &[])
        else {
            panic!("{body}")
        };
        let event = Event::parse(id, kind, body.as_bytes(), &policy.user_id_keys).unwrap();
        let load = |keys: &LoadKeys| store.load(keys);
        let Decision::Commit(commit) = crate::model::decide_with(&event, load, policy, NOW) else {
            panic!("{body}")
        };
        all.push(commit.changes.clone());
        store.commit(*commit, policy, NOW);
    }
    all
}

#[test]
fn a_change_of_the_standing_is_pushed_and_keeps_the_revocation_id() {
    let all = changes(&policy(), |stripe| {
        stripe.create(adas("sub_1", "trialing"));
        stripe.update("sub_1", |sub| sub.status = "active");
        stripe.update("sub_1", |sub| sub.quantity = 2);
        stripe.update("sub_1", |sub| sub.cancels = true);
        stripe.update("sub_1", |sub| sub.ends += DAY);
        stripe.entitlements("cus_1", &["export"], false);
        stripe.entitlements("cus_1", &["export"], true);
        stripe.end("sub_1");
    });
    let kinds = [
        Some(Upgraded),
        Some(Subscription),
        None,
        Some(Subscription),
        Some(Subscription),
        Some(Subscription),
        None,
        Some(Downgraded),
    ];
    let mut version = 0;
    for (step, (changes, kind)) in all.iter().zip(kinds).enumerate() {
        assert_eq!(changes.first().map(|change| change.kind), kind, "{step}");
        let Some(change) = changes.first() else { continue };
        assert!(change.account_version.0 > version, "it grows with every commit");
        version = change.account_version.0;
        assert_eq!(change.revocation_id.0, if step < 7 { 1 } else { 2 });
        assert_eq!(change.previous_role == change.role, kind == Some(Subscription));
        assert_eq!(change.standing.subscription_active, step < 7);
        assert_eq!(change.role_assigned_at, Some(NOW));
    }
}

/// The features of a user as a line.
fn features(store: &ReferenceModel, name: &str) -> String {
    let features = store.account(&user(name)).map(|account| account.standing.features);
    features.unwrap_or_default().iter().map(|name| &**name).collect::<Vec<_>>().join(" ")
}

#[test]
fn stripes_features_go_to_the_only_owner() {
    let of = |happens: fn(&mut Stripe)| {
        let (store, came) = tell(&policy(), |stripe| {
            happens(stripe);
            stripe.later(1);
            stripe.entitlements("cus_1", &["export", "audit"], false);
        });
        let is_owned = ["ada", "bob"].iter().any(|name| !features(&store, name).is_empty());
        let outcome = if is_owned { Outcome::Applied } else { Outcome::Waiting };
        assert_eq!(came, Some(Delivered::Committed(outcome)));
        (features(&store, "ada"), features(&store, "bob"))
    };
    let (all, none) = (|| "audit export".to_owned(), String::new);
    assert_eq!(of(|s| s.create(adas("sub_1", "active"))), (all(), none()));
    assert_eq!(of(|s| s.customer("updated", "cus_1", Some("bob"))), (none(), all()));
    let two = |s: &mut Stripe| {
        s.create(adas("sub_1", "active"));
        s.create(Sub { user: "bob".into(), ..Sub::new("sub_2", "cus_1", "active") });
    };
    assert_eq!(of(two), (none(), none()), "nobody knows whose they are");
    let one_left = |s: &mut Stripe| {
        s.create(adas("sub_1", "active"));
        s.create(Sub { user: "bob".into(), ..Sub::new("sub_2", "cus_1", "active") });
        s.end("sub_1");
    };
    assert_eq!(of(one_left), (none(), all()));
    let late = |s: &mut Stripe| {
        s.customer("updated", "cus_1", Some("bob"));
        s.create(adas("sub_1", "past_due"));
    };
    assert_eq!(of(late), (all(), none()), "it is not over");
    let refunded = |s: &mut Stripe| {
        s.create(adas("sub_1", "active"));
        let plan = json!({"client_reference_id": "bob", "metadata": {"plan": "price_paid"}});
        s.sell("completed", plan);
        s.refund("pi_1", json!({}));
    };
    assert_eq!(of(refunded), (all(), none()), "what was given back is over");
}

#[test]
fn the_later_list_of_features_counts_in_any_order() {
    let policy = policy_with(|config| {
        config.features = [("free", "read"), ("paid", "share"), ("pro", "cad")]
            .map(|(role, feature)| (role.to_owned(), vec![feature.to_owned()]))
            .to_vec();
    });
    let happens = |stripe: &mut Stripe| {
        stripe.create(adas("sub_1", "active"));
        stripe.entitlements("cus_1", &["old"], false);
        stripe.later(1);
        stripe.entitlements("cus_1", &["a"], false);
        stripe.entitlements("cus_1", &["b"], false);
        stripe.later(1);
        stripe.entitlements("cus_1", &["c"], true);
    };
    check_orders("lists", &policy, happens, "ada:paid");
    let (store, _) = tell(&policy, happens);
    assert_eq!(features(&store, "ada"), "a b c read share", "those of the role are beside them");
    assert!(store.ledger["evt_4"].ambiguous, "a truncated list is flagged");
    // A deleted customer has none.
    let (store, _) = tell(&policy, |stripe| {
        happens(stripe);
        stripe.customer("deleted", "cus_1", None);
    });
    assert_eq!(features(&store, "ada"), "read");
}
