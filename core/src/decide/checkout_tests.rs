//! The first payment of a subscription: what its checkout reports, and what proves it later.

use super::*;

type Story = fn(&mut Stripe);

#[test]
fn a_checkout_gives_nothing_before_it_is_paid() {
    let start = |s: &mut Stripe, sub| {
        s.create(sub);
        s.later(10);
        s.checkout("completed", "cus_1", "sub_1", Some("ada"), "unpaid");
        s.later(10);
    };
    check(
        "unpaid, then paid",
        |s| {
            start(s, Sub::new("sub_1", "cus_1", "active"));
            s.checkout("async_payment_succeeded", "cus_1", "sub_1", Some("ada"), "paid");
        },
        &[("free", 0), ("free", 0), ("paid", 1)],
    );
    check(
        "unpaid, then failed, then fixed by another payment",
        |s| {
            start(s, adas("sub_1", "active"));
            s.checkout("async_payment_failed", "cus_1", "sub_1", Some("ada"), "unpaid");
            s.later(1);
            s.update("sub_1", |sub| sub.status = "past_due");
            s.later(1);
            s.update("sub_1", |sub| sub.status = "active");
        },
        &[("paid", 1), ("free", 2), ("free", 2), ("free", 2), ("paid", 3)],
    );
    check(
        "unpaid, and only its first payment decides who it is for",
        |s| {
            start(s, Sub::new("sub_1", "cus_1", "active"));
            s.checkout("async_payment_failed", "cus_1", "sub_1", Some("ada"), "unpaid");
            s.later(1);
            s.update("sub_1", |sub| sub.ends += 30 * DAY);
        },
        &[("free", 0), ("free", 0), ("free", 0), ("free", 0)],
    );
    check(
        "the decision comes before the question",
        |s| {
            s.create(adas("sub_1", "active"));
            s.checkout("async_payment_failed", "cus_1", "sub_1", None, "unpaid");
            s.checkout("completed", "cus_1", "sub_1", None, "unpaid");
            s.later(1);
            s.checkout("async_payment_succeeded", "cus_1", "sub_1", None, "paid");
        },
        &[("paid", 1), ("free", 2), ("free", 2), ("paid", 3)],
    );
}

fn mended(stripe: &mut Stripe) {
    stripe.update("sub_1", |sub| sub.status = "past_due");
    stripe.later(10);
    stripe.update("sub_1", |sub| sub.status = "active");
}

fn renewed(stripe: &mut Stripe) {
    stripe.update("sub_1", |sub| sub.ends += 30 * DAY);
}

fn late(stripe: &mut Stripe) {
    stripe.later(10);
    stripe.update("sub_1", |sub| sub.status = "past_due");
}

#[test]
fn what_is_paid_for_later_proves_that_the_first_payment_was_made_up_for() {
    let start = |stripe: &mut Stripe, reported: &str| {
        stripe.create(adas("sub_1", "active"));
        stripe.later(10);
        stripe.checkout(reported, "cus_1", "sub_1", Some("ada"), "unpaid");
        stripe.later(10);
    };
    let renewed_late = |stripe: &mut Stripe| {
        stripe.update("sub_1", |sub| {
            sub.ends += 30 * DAY;
            sub.status = "past_due";
        });
    };
    let invoiced = |stripe: &mut Stripe| stripe.invoice("in_1", json!({"subscription": "sub_1"}));
    let for_nothing = |stripe: &mut Stripe| {
        stripe.invoice("in_1", json!({"subscription": "sub_1", "amount_paid": 0}));
    };
    let edited = |stripe: &mut Stripe| stripe.update("sub_1", |sub| sub.quantity = 2);
    let none = |_: &mut Stripe| {};
    for (what, then, role) in [
        ("nothing", none as Story, "free"),
        ("an edit", edited, "free"),
        ("an invoice of nothing", for_nothing, "free"),
        ("a good standing that began later", mended, "paid"),
        ("a later period", renewed, "paid"),
        ("a later period that nothing was paid for", renewed_late, "free"),
        (
            "a good standing, and a late payment after it",
            |stripe| {
                mended(stripe);
                late(stripe);
            },
            "paid",
        ),
        (
            "a later period, and a late payment after it",
            |stripe| {
                renewed(stripe);
                late(stripe);
            },
            "paid",
        ),
        ("an invoice", invoiced, "paid"),
    ] {
        for reported in ["completed", "async_payment_failed"] {
            let happens = |stripe: &mut Stripe| {
                start(stripe, reported);
                then(stripe);
            };
            check_orders(what, &policy(), happens, &format!("ada:{role}"));
        }
    }
}
