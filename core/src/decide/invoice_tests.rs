//! Refunds and disputes of the invoices of a subscription, in any order.

use super::*;

/// A policy with these rules for refunds and disputes, of purchases and subscriptions alike.
pub(super) fn on(refund: Access, dispute: OnDispute) -> Policy {
    policy_with(|config| {
        let on = OnReversal { refund, dispute };
        (config.subscription_reversal, config.purchase_reversal) = (on, on);
    })
}

pub(super) fn revoke() -> Policy {
    on(Access::Revoke, OnDispute::Revoke)
}

/// The way from a payment to a subscription, by API version.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    /// A charge names its invoice, and an invoice its subscription.
    ChargeNamesInvoice,
    /// An invoice names its subscription and its payment.
    InvoiceNamesPayment,
    /// An invoice names its subscription in `parent`, and its payment is an object of its own.
    Basil,
}

const SHAPES: [Shape; 3] = [Shape::ChargeNamesInvoice, Shape::InvoiceNamesPayment, Shape::Basil];

/// Pays an invoice of `sub_1` with a payment.
fn pay(stripe: &mut Stripe, shape: Shape, invoice: &str, payment: &str) {
    let parent = json!({"type": "subscription_details",
                        "subscription_details": {"subscription": "sub_1"}});
    match shape {
        Shape::ChargeNamesInvoice => stripe.invoice(invoice, json!({"subscription": "sub_1"})),
        Shape::InvoiceNamesPayment => {
            stripe.invoice(invoice, json!({"subscription": "sub_1", "payment_intent": payment}));
        }
        Shape::Basil => {
            stripe.invoice(invoice, json!({ "parent": parent }));
            stripe.invoice_payment(invoice, payment);
        }
    }
    stripe.later(60);
}

fn give_back(stripe: &mut Stripe, shape: Shape, invoice: &str, payment: &str) {
    let invoice = (shape == Shape::ChargeNamesInvoice).then_some(invoice);
    stripe.refund(payment, json!({ "invoice": invoice }));
    stripe.later(60);
}

#[test]
fn a_refund_of_the_latest_invoice_ends_a_subscription_by_the_policy() {
    for shape in SHAPES {
        let refunded = |stripe: &mut Stripe| {
            stripe.create(adas("sub_1", "active"));
            pay(stripe, shape, "in_1", "pi_1");
            give_back(stripe, shape, "in_1", "pi_1");
        };
        check_orders(&format!("{shape:?}"), &revoke(), refunded, "ada:free");
        check_orders(&format!("{shape:?}, kept"), &policy(), refunded, "ada:paid");
        let renewed = |stripe: &mut Stripe| {
            refunded(stripe);
            pay(stripe, Shape::InvoiceNamesPayment, "in_2", "pi_2");
        };
        check_orders(&format!("{shape:?}, renewed"), &revoke(), renewed, "ada:paid");
        let (store, _) = tell(&revoke(), refunded);
        let rows: Vec<_> = store.ledger.values().collect();
        let last = rows.last().unwrap();
        assert_eq!(last.customer.as_ref().map(CustomerId::as_str), Some("cus_1"));
        assert_eq!(last.owners.len(), 1, "the row names the owner");
    }
}

#[test]
fn a_refund_of_an_earlier_invoice_ends_nothing() {
    for shape in [Shape::ChargeNamesInvoice, Shape::InvoiceNamesPayment] {
        let happens = |stripe: &mut Stripe| {
            stripe.create(adas("sub_1", "active"));
            pay(stripe, shape, "in_1", "pi_1");
            pay(stripe, shape, "in_2", "pi_2");
            give_back(stripe, shape, "in_1", "pi_1");
        };
        check_orders(&format!("{shape:?}"), &revoke(), happens, "ada:paid");
    }
}

#[test]
fn a_dispute_of_the_latest_invoice_ends_a_subscription_by_the_policy() {
    for shape in [Shape::InvoiceNamesPayment, Shape::Basil] {
        for (status, dispute, role) in [
            ("needs_response", OnDispute::Revoke, "free"),
            ("needs_response", OnDispute::RevokeWhenLost, "paid"),
            ("lost", OnDispute::RevokeWhenLost, "free"),
            ("lost", OnDispute::Keep, "paid"),
            ("won", OnDispute::Revoke, "paid"),
        ] {
            let happens = |stripe: &mut Stripe| {
                stripe.create(adas("sub_1", "active"));
                pay(stripe, shape, "in_1", "pi_1");
                stripe.dispute("created", "dp_1", "pi_1", status);
            };
            let what = format!("{shape:?} {status} {dispute:?}");
            check_orders(&what, &on(Access::Keep, dispute), happens, &format!("ada:{role}"));
        }
    }
}

#[test]
fn an_invoice_of_several_payments_is_refunded_when_all_are_and_disputed_when_any_is() {
    let both = |stripe: &mut Stripe| {
        stripe.create(adas("sub_1", "active"));
        pay(stripe, Shape::Basil, "in_1", "pi_1");
        stripe.invoice_payment("in_1", "pi_2");
    };
    let one = |stripe: &mut Stripe| {
        both(stripe);
        stripe.refund("pi_2", json!({}));
    };
    check_orders("one refunded", &revoke(), one, "ada:paid");
    let all = |stripe: &mut Stripe| {
        both(stripe);
        stripe.refund("pi_1", json!({}));
        stripe.refund("pi_2", json!({}));
    };
    check_orders("all refunded", &revoke(), all, "ada:free");
    let disputed = |stripe: &mut Stripe| {
        both(stripe);
        stripe.dispute("created", "dp_1", "pi_2", "needs_response");
    };
    check_orders("one disputed", &revoke(), disputed, "ada:free");
}
