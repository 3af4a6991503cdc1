//! Tests of `decide`, from the webhook's body to the account. Roles and their owners are here, the rest is in
//! modules by subject.

#[path = "checkout_tests.rs"]
mod checkout;
#[path = "field_tests.rs"]
mod field;
#[path = "invoice_tests.rs"]
mod invoice;
#[path = "item_tests.rs"]
mod item;
#[path = "ledger_tests.rs"]
mod ledger;
#[path = "limit_tests.rs"]
mod limit;
#[path = "link_tests.rs"]
mod links;
#[path = "observation_tests.rs"]
mod observation;
#[path = "order_tests.rs"]
mod order;
#[path = "park_tests.rs"]
mod park;
#[path = "policy_change_tests.rs"]
mod policy_changes;
#[path = "purchase_tests.rs"]
mod purchase;
#[path = "reversal_tests.rs"]
mod reversal;
#[path = "standing_tests.rs"]
mod standing;
#[path = "story_tests.rs"]
mod story;
#[path = "stripe_tests.rs"]
mod stripe;
#[path = "system_tests.rs"]
mod system;
#[path = "truth_tests.rs"]
mod truth;
#[path = "waiting_tests.rs"]
mod waiting;

use serde_json::{Value, json};
use story::*;
use stripe::*;

use super::*;
use crate::{
    id::{SubscriptionId, Version},
    ledger::{Owner, SystemEvent},
    limits::{CUSTOMERS_PER_USER_MAX, ID_BYTES_MAX, PURCHASES_MAX, SUBSCRIPTIONS_MAX},
    model::{Delivered, ReferenceModel},
    policy::{
        Access, OnDispute, OnReversal, PastDue, PauseCollection, PlanConfig, PolicyConfig, Role,
        Stack, UnmappedPrice,
        tests::{config, policy},
    },
    purchase::Offer,
    wire::session::Session,
};

/// The time at which stories begin, and the one at which they are decided: before every period's end.
const START: i64 = 1_700_000_000;
const NOW: Timestamp = Timestamp::from_secs(START + DAY);
const DAY: i64 = 86_400;

fn scene() -> (Stripe, ReferenceModel, Policy) {
    (Stripe::default(), ReferenceModel::default(), policy())
}

/// Delivers the webhooks of a story, and checks the role and revocation id of ada after each.
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

/// A subscription whose metadata names ada.
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
fn a_subscription_belongs_to_the_user_of_its_best_source() {
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
