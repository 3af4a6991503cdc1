//! Tests of `decide`, from the webhook's body to the account: rows here, lives in any order beside.

#[path = "checkout_tests.rs"]
mod checkout;
#[path = "field_tests.rs"]
mod field;
#[path = "limit_tests.rs"]
mod limit;
#[path = "order_tests.rs"]
mod order;
#[path = "policy_change_tests.rs"]
mod policy_changes;
#[path = "purchase_tests.rs"]
mod purchase;
#[path = "reversal_tests.rs"]
mod reversal;
#[path = "standing_tests.rs"]
mod standing;
#[path = "stripe_tests.rs"]
mod stripe;
#[path = "system_tests.rs"]
mod system;
#[path = "truth_tests.rs"]
mod truth;

use serde_json::{Value, json};
use stripe::*;

use super::*;
use crate::{
    id::Version,
    ledger::{Owner, SystemEvent},
    limits::{CUSTOMERS_PER_USER_MAX, ID_BYTES_MAX, SUBSCRIPTIONS_MAX},
    model::{Delivered, ReferenceModel},
    policy::{
        Access, OnDispute, OnReversal, PastDue, PauseCollection, PlanConfig, PolicyConfig, Role,
        Stack, UnmappedPrice,
        tests::{config, policy},
    },
    wire::session::Session,
};

/// When the story begins, and the time at which all is decided: before every period's end.
const START: i64 = 1_700_000_000;
const NOW: Timestamp = Timestamp::from_secs(START + DAY);
const DAY: i64 = 86_400;

fn scene() -> (Stripe, ReferenceModel, Policy) {
    (Stripe::default(), ReferenceModel::default(), policy())
}

/// Delivers what Stripe sends in a story, and checks `role` and revocation id of ada after each.
fn check(what: &str, happens: impl FnOnce(&mut Stripe), expected: &[(&str, u64)]) {
    let mut stripe = Stripe::default();
    happens(&mut stripe);
    let (_, mut store, policy) = scene();
    let mut got = Vec::new();
    for body in &stripe.sent {
        store.deliver(body.as_bytes(), &policy, NOW);
        let settled = store.clone();
        assert_eq!(store.deliver(body.as_bytes(), &policy, NOW), Delivered::Duplicate, "{what}");
        assert_eq!(store, settled, "{what}: a repeat changes nothing");
        got.push(store.role("ada"));
    }
    let got: Vec<_> = got.iter().map(|(role, id)| (role.as_str(), *id)).collect();
    assert_eq!(got, expected, "{what}");
}

/// A subscription whose metadata name ada.
fn adas(id: &str, status: &'static str) -> Sub {
    Sub { user: "ada".into(), ..Sub::new(id, "cus_1", status) }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_role_follows_its_subscription() {
    check(
        "renewals and edits change nothing, prices and ends do",
        |s| {
            s.create(adas("sub_1", "trialing"));
            s.update("sub_1", |sub| sub.status = "active");
            s.update("sub_1", |sub| sub.ends += 30 * DAY);
            s.update("sub_1", |sub| sub.quantity = 7);
            s.update("sub_1", |sub| sub.cancels = true);
            s.update("sub_1", |sub| sub.collection = json!({"behavior": "void"}));
            s.update("sub_1", |_| {});
            s.update("sub_1", |sub| sub.price = "pro_monthly");
            s.update("sub_1", |sub| sub.price = "price_paid");
            s.end("sub_1");
        },
        &[
            ("paid", 1),
            ("paid", 1),
            ("paid", 1),
            ("paid", 1),
            ("paid", 1),
            ("paid", 1),
            ("paid", 1),
            ("pro", 2),
            ("paid", 3),
            ("free", 4),
        ],
    );
    check(
        "each status",
        |s| {
            s.create(adas("sub_1", "incomplete"));
            for status in [
                "active", "past_due", "unpaid", "trialing", "paused", "active", "new_one", "active",
            ] {
                s.later(1);
                s.update("sub_1", |sub| sub.status = status);
            }
            s.later(1);
            s.update("sub_1", |sub| sub.status = "incomplete_expired");
            s.later(1);
            s.update("sub_1", |sub| sub.status = "active");
        },
        &[
            ("free", 0),
            ("paid", 1),
            ("paid", 1),
            ("free", 2),
            ("paid", 3),
            ("free", 4),
            ("paid", 5),
            ("free", 6),
            ("paid", 7),
            ("free", 8),
            ("free", 8),
        ],
    );
    check(
        "two subscriptions: the higher counts",
        |s| {
            s.create(adas("sub_1", "active"));
            s.create(Sub { price: "pro_monthly", ..adas("sub_2", "active") });
            s.end("sub_1");
            s.end("sub_2");
        },
        &[("paid", 1), ("pro", 2), ("pro", 2), ("free", 3)],
    );
    check(
        "a customer's end is final",
        |s| {
            s.create(adas("sub_1", "active"));
            s.customer("deleted", "cus_1", None);
            s.create(adas("sub_2", "active"));
            s.customer("updated", "cus_1", Some("ada"));
        },
        &[("paid", 1), ("free", 2), ("free", 2), ("free", 2)],
    );
}

#[test]
fn a_subscription_belongs_to_whom_its_best_source_names() {
    check(
        "an event waits for its user, whoever names them",
        |s| {
            s.create(Sub::new("sub_1", "cus_1", "active"));
            s.customer("created", "cus_1", None);
            s.later(1);
            s.customer("updated", "cus_1", Some("ada"));
            s.later(1);
            s.customer("updated", "cus_1", None);
            s.update("sub_1", |sub| sub.user = "ada".into());
            s.checkout("completed", "cus_1", "sub_1", Some("bob"), "paid");
            s.later(1);
            s.checkout("completed", "cus_1", "sub_1", Some("ada"), "paid");
        },
        &[
            ("free", 0),
            ("free", 0),
            ("paid", 1),
            ("free", 2),
            ("paid", 3),
            ("paid", 3),
            ("paid", 3),
        ],
    );
    check(
        "two subscriptions of one customer belong to two users",
        |s| {
            s.create(adas("sub_1", "active"));
            s.later(1);
            s.create(Sub { user: "bob".into(), ..Sub::new("sub_2", "cus_1", "active") });
            s.later(1);
            s.end("sub_2");
            s.end("sub_1");
        },
        &[("paid", 1), ("paid", 1), ("paid", 1), ("free", 2)],
    );
}

#[test]
fn a_relink_moves_the_grant_and_tells_both() {
    let (mut stripe, mut store, policy) = scene();
    stripe.create(adas("sub_1", "active"));
    stripe.later(1);
    stripe.update("sub_1", |sub| sub.user = "bob".into());
    for body in &stripe.sent {
        assert_eq!(
            store.deliver(body.as_bytes(), &policy, NOW),
            Delivered::Committed(Outcome::Applied)
        );
    }
    assert_eq!(store.role("ada"), ("free".to_owned(), 2));
    assert_eq!(store.role("bob"), ("paid".to_owned(), 1));
    let ada = store.account(&user("ada")).unwrap();
    assert!(ada.grants.is_empty());
    // The ledger names both, and what became of them.
    let owner = |name, from: &str, to: &str, id| Owner {
        user: user(name),
        from_role: Role::new(from),
        to_role: Role::new(to),
        revocation_id: crate::id::RevocationId(id),
    };
    let both = [owner("ada", "paid", "free", 2), owner("bob", "free", "paid", 1)];
    assert_eq!(store.ledger["evt_1"].owners, both);
}

#[test]
fn what_cannot_be_applied_is_set_aside_with_its_cause() {
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
        // What nobody can map can still end.
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
fn a_parked_event_is_applied_once_the_map_is_mended() {
    let (mut stripe, mut store) = (Stripe::default(), ReferenceModel::default());
    stripe.create(Sub { price: "price_new", ..adas("sub_1", "active") });
    assert_eq!(
        store.deliver(stripe.sent[0].as_bytes(), &policy(), NOW),
        Delivered::Parked(Code::PlanUnmapped)
    );
    let mended = policy_with(|config| config.plans.push(PlanConfig::new("price_new", "pro")));
    assert_eq!(
        store.deliver(stripe.sent[0].as_bytes(), &mended, NOW),
        Delivered::Committed(Outcome::Applied)
    );
    assert_eq!(store.role("ada"), ("pro".to_owned(), 1));
}

#[test]
fn a_ledger_row_says_what_became_of_its_event() {
    let (mut stripe, mut store, policy) = scene();
    stripe.create(Sub::new("sub_1", "cus_1", "active"));
    stripe.customer("updated", "cus_1", Some("ada"));
    stripe.later(-5);
    stripe.customer("updated", "cus_1", Some("bob"));
    stripe.later(6);
    // The edge between these two is missing.
    for (from, to) in [("active", "past_due"), ("unpaid", "trialing")] {
        stripe.subs.get_mut("sub_1").unwrap().status = from;
        stripe.update("sub_1", |sub| sub.status = to);
    }
    for (event, came, owners, ambiguous) in [
        (0, Outcome::Waiting, "", false),
        (1, Outcome::Applied, "ada free paid 1", false),
        (2, Outcome::Stale, "ada paid paid 1", false),
        (3, Outcome::Applied, "ada paid paid 1", false),
        (4, Outcome::Applied, "ada paid paid 1", true),
    ] {
        assert_eq!(
            store.deliver(stripe.sent[event].as_bytes(), &policy, NOW),
            Delivered::Committed(came)
        );
        let row = &store.ledger[format!("evt_{event}").as_str()];
        assert_eq!(row.outcome, came);
        let show = |owner: &Owner| {
            let Owner { user, from_role, to_role, revocation_id } = owner;
            format!("{user} {from_role} {to_role} {revocation_id}")
        };
        let shown: Vec<_> = row.owners.iter().map(show).collect();
        assert_eq!(shown.join(", "), owners, "{row:?}");
        assert_eq!(row.ambiguous, ambiguous, "{row:?}");
        assert_eq!(row.customer.as_ref().map(CustomerId::as_str), Some("cus_1"));
        assert!(row.created < NOW && row.cause.is_none());
    }
}

#[test]
fn a_stale_event_brings_no_older_grant_back() {
    let (mut stripe, mut store, policy) = scene();
    stripe.later(5);
    stripe.create(adas("sub_1", "active"));
    stripe.later(1);
    stripe.customer("updated", "cus_1", Some("ada"));
    stripe.later(-3);
    stripe.customer("updated", "cus_1", Some("ada"));
    store.deliver(stripe.sent[0].as_bytes(), &policy, NOW);
    store.deliver(stripe.sent[1].as_bytes(), &policy, NOW);
    // The customer as it was read, then somebody else's commit, then the account.
    let customer = store.customer(&CustomerId::new("cus_1").unwrap());
    stripe.later(10);
    stripe.end("sub_1");
    store.deliver(stripe.sent[3].as_bytes(), &policy, NOW);
    let (body, ada) = (stripe.sent[2].as_bytes(), UserId::new("ada").unwrap());
    let event = Event::parse(
        EventId::new("evt_2").unwrap(),
        crate::stripe::event::Type::CustomerUpdated,
        body,
        &policy.user_id_keys,
    )
    .unwrap();
    let accounts = [(ada.clone(), store.account(&ada))].into();
    let loaded = Loaded { customer: Some(customer), accounts, ..Loaded::default() };
    let Decision::Commit(commit) = decide(loaded, &event, &policy, NOW) else { panic!() };
    assert_eq!((commit.customer, commit.accounts), (None, Vec::new()));
}
