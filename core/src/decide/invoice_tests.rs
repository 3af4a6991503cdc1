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

#[test]
fn an_invoice_that_is_reported_twice_is_what_the_later_report_says() {
    let twice = |stripe: &mut Stripe| {
        stripe.create(adas("sub_1", "active"));
        for _ in 0..2 {
            stripe.invoice("in_1", json!({"subscription": "sub_1", "created": START}));
            stripe.later(60);
        }
    };
    check_orders("twice", &policy(), twice, "ada:paid");
    let invoice = tell(&policy(), twice).0.invoice(&InvoiceId::new("in_1").unwrap());
    assert_eq!(invoice.paid.map(|(_, paid)| paid.paid_secs), Some(START + 60));
}

#[test]
fn the_row_of_a_payment_has_its_outcome_and_the_owner_of_what_it_paid_for() {
    let row = |happens: &dyn Fn(&mut Stripe)| {
        let (store, came) = tell(&policy(), happens);
        let last = format!("evt_{}", store.ledger.len() - 1);
        let owners = &store.ledger[last.as_str()].owners;
        (came.unwrap(), owners.iter().map(|owner| owner.user.to_string()).collect::<String>())
    };
    let of = |outcome, owner: &str| (Delivered::Committed(outcome), owner.to_owned());
    let subscribed = |stripe: &mut Stripe| {
        stripe.create(adas("sub_1", "active"));
        pay(stripe, Shape::InvoiceNamesPayment, "in_2", "pi_2");
    };
    let refunded = |stripe: &mut Stripe| {
        subscribed(stripe);
        stripe.refund("pi_2", json!({}));
    };
    assert_eq!(row(&refunded), of(Outcome::Applied, "ada"), "the policy keeps access");
    // An earlier invoice is recorded, too, although the subscription stays as it is.
    let earlier = |stripe: &mut Stripe| {
        subscribed(stripe);
        stripe.later(-DAY);
        pay(stripe, Shape::InvoiceNamesPayment, "in_1", "pi_1");
    };
    assert_eq!(row(&earlier), of(Outcome::Applied, "ada"));
    let earlier_without_payment = |stripe: &mut Stripe| {
        subscribed(stripe);
        stripe.later(-DAY);
        stripe.invoice("in_1", json!({"subscription": "sub_1"}));
    };
    assert_eq!(row(&earlier_without_payment), of(Outcome::Applied, "ada"));
    let earlier_refunded = |stripe: &mut Stripe| {
        earlier(stripe);
        stripe.refund("pi_1", json!({}));
    };
    assert_eq!(row(&earlier_refunded), of(Outcome::Applied, "ada"));
    let other = |stripe: &mut Stripe| {
        stripe.create(adas("sub_1", "active"));
        stripe.invoice("in_3", json!({}));
    };
    assert_eq!(row(&other), of(Outcome::Unrelated, ""), "an invoice of no subscription");
    let bought = |stripe: &mut Stripe| {
        let session = json!({"client_reference_id": "ada", "metadata": {"plan": "price_paid"}});
        stripe.sell("completed", session);
        stripe.invoice_payment("in_1", "pi_1");
    };
    assert_eq!(row(&bought), of(Outcome::Applied, "ada"), "the invoice of a purchase");
}
