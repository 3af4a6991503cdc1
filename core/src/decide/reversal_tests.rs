//! Refunds and disputes of purchases and of unknown payments, in any order.

use super::{
    invoice::{on, revoke},
    *,
};

const UNRELATED: Delivered = Delivered::Committed(Outcome::Unrelated);

/// Ada buys `price_paid` permanently with `pi_1`.
fn buy(stripe: &mut Stripe) {
    let session = json!({"client_reference_id": "ada", "metadata": {"plan": "price_paid"}});
    stripe.sell("completed", session);
    stripe.later(60);
}

#[test]
fn a_full_refund_ends_a_purchase_and_a_failed_one_brings_it_back() {
    let refunded = |stripe: &mut Stripe| {
        buy(stripe);
        stripe.refund("pi_1", json!({}));
    };
    check_orders("refunded", &policy(), refunded, "ada:free");
    let keep = on(Access::Keep, OnDispute::Keep);
    check_orders("kept", &keep, refunded, "ada:paid");
    assert_eq!(tell(&keep, refunded).0.ledger["evt_1"].owners.len(), 1, "the row names the owner");
    let partly = |stripe: &mut Stripe| {
        buy(stripe);
        stripe.refund("pi_1", json!({"refunded": false, "amount_refunded": 5}));
    };
    check_orders("a part", &policy(), partly, "ada:paid");
    assert_eq!(tell(&policy(), partly).1, Some(UNRELATED));
    let failed = |stripe: &mut Stripe| {
        refunded(stripe);
        stripe.later(1);
        stripe.refund_failed("pi_1");
    };
    check_orders("failed later", &policy(), failed, "ada:paid");
    let at_once = |stripe: &mut Stripe| {
        refunded(stripe);
        stripe.refund_failed("pi_1");
    };
    check_orders("failed in the same second", &policy(), at_once, "ada:free");
    let again = |stripe: &mut Stripe| {
        failed(stripe);
        stripe.later(1);
        stripe.refund("pi_1", json!({}));
    };
    check_orders("refunded again", &policy(), again, "ada:free");
}

#[test]
fn a_dispute_ends_a_purchase_by_its_state_and_the_policy() {
    use OnDispute::{Keep, Revoke, RevokeWhenLost};
    for (statuses, keep, revoke, when_lost) in [
        (&["needs_response"][..], true, false, true),
        (&["needs_response", "under_review"], true, false, true),
        (&["needs_response", "won"], true, true, true),
        (&["needs_response", "lost"], true, false, false),
        // A decision is final, whatever arrives later.
        (&["needs_response", "won", "under_review"], true, true, true),
        (&["lost", "needs_response"], true, false, false),
        (&["warning_needs_response", "warning_closed"], true, true, true),
        (&["prevented"], true, true, true),
        (&["warning_needs_response", "needs_response"], true, false, true),
    ] {
        for (dispute, earns) in [(Keep, keep), (Revoke, revoke), (RevokeWhenLost, when_lost)] {
            let happens = |stripe: &mut Stripe| {
                buy(stripe);
                for status in statuses {
                    stripe.dispute("updated", "dp_1", "pi_1", status);
                    stripe.later(1);
                }
            };
            let role = if earns { "ada:paid" } else { "ada:free" };
            check_orders(&format!("{statuses:?}"), &on(Access::Keep, dispute), happens, role);
        }
    }
    // Each dispute of a payment counts by itself.
    let two = |stripe: &mut Stripe| {
        buy(stripe);
        stripe.dispute("closed", "dp_1", "pi_1", "won");
        stripe.dispute("closed", "dp_2", "pi_1", "lost");
    };
    check_orders("one won, one lost", &policy(), two, "ada:free");
}

#[test]
fn a_refund_waits_visibly_until_its_subject_is_known() {
    let (mut stripe, mut store) = (Stripe::default(), ReferenceModel::default());
    stripe.later(60);
    stripe.refund("pi_1", json!({}));
    stripe.refund("pi_2", json!({"refunded": false}));
    stripe.dispute("created", "dp_1", "pi_3", "warning_needs_response");
    let policy = revoke();
    for body in &stripe.sent {
        store.deliver(body.as_bytes(), &policy, NOW);
    }
    let row = |store: &ReferenceModel, id: &str| {
        let row = &store.ledger[id];
        (row.outcome, row.cause)
    };
    assert_eq!(row(&store, "evt_0"), (Outcome::Waiting, Some(Code::PaymentUnlinked)));
    assert_eq!(row(&store, "evt_1"), (Outcome::Unrelated, None), "a part is of no interest");
    assert_eq!(row(&store, "evt_2").1, None, "no money moved");
    let payment = |store: &ReferenceModel, id: &str| store.payment(&PaymentId::new(id).unwrap());
    let since = Some(Timestamp::from_secs(START + 60));
    assert_eq!(payment(&store, "pi_1").waiting_since, since);
    assert_eq!(payment(&store, "pi_3").waiting_since, None);
    // The invoice is known, but not its subscription.
    stripe.invoice_payment("in_1", "pi_1");
    stripe.invoice("in_1", json!({"subscription": "sub_1"}));
    store.deliver(stripe.sent[3].as_bytes(), &policy, NOW);
    assert_eq!(payment(&store, "pi_1").waiting_since, since);
    assert_eq!(row(&store, "evt_3").1, Some(Code::PaymentUnlinked));
    store.deliver(stripe.sent[4].as_bytes(), &policy, NOW);
    assert_eq!(payment(&store, "pi_1").waiting_since, None);
    assert_eq!(row(&store, "evt_4").1, None);
    // It waits if the policy takes access for a subscription or for a purchase.
    let refund = OnReversal { refund: Access::Revoke, dispute: OnDispute::Keep };
    let keep = OnReversal { refund: Access::Keep, ..refund };
    for (subscription_reversal, purchase_reversal) in [(refund, keep), (keep, refund)] {
        let policy = policy_with(|config| {
            config.subscription_reversal = subscription_reversal;
            config.purchase_reversal = purchase_reversal;
        });
        assert_eq!(payment(&after(&stripe.sent[..1], &policy, NOW), "pi_1").waiting_since, since);
    }
    // If the policy keeps access, nothing waits.
    let keep = on(Access::Keep, OnDispute::Keep);
    let store = after(&stripe.sent[..1], &keep, NOW);
    assert_eq!(payment(&store, "pi_1").waiting_since, None);
    assert_eq!(row(&store, "evt_0").1, None);
}

#[test]
fn a_guests_purchase_can_be_refunded_too() {
    let happens = |stripe: &mut Stripe| {
        let session = json!({"client_reference_id": "ada", "customer": null,
                             "metadata": {"plan": "price_paid"}});
        stripe.sell("completed", session);
        stripe.later(60);
        stripe.refund("pi_1", json!({"customer": null}));
    };
    check_orders("a guest", &policy(), happens, "ada:free");
}

#[test]
fn a_purchase_with_an_invoice_of_its_own_is_still_a_purchase() {
    for is_basil in [false, true] {
        let happens = |stripe: &mut Stripe| {
            buy(stripe);
            if is_basil {
                stripe.invoice("in_1", json!({}));
                stripe.invoice_payment("in_1", "pi_1");
            } else {
                stripe.invoice("in_1", json!({"payment_intent": "pi_1"}));
            }
            stripe.refund("pi_1", json!({}));
        };
        check_orders(&format!("basil: {is_basil}"), &policy(), happens, "ada:free");
    }
    // It does not wait, although the subject of the invoice is unknown.
    let (store, _) = tell(&policy(), |stripe| {
        buy(stripe);
        stripe.refund("pi_1", json!({}));
        stripe.invoice_payment("in_1", "pi_1");
        stripe.invoice_payment("in_1", "pi_2");
    });
    assert_eq!(store.payment(&PaymentId::new("pi_1").unwrap()).waiting_since, None);
}

#[test]
fn a_payment_that_two_customers_name_leads_to_one_of_them() {
    let happens = |stripe: &mut Stripe| {
        buy(stripe);
        let guest = json!({"client_reference_id": "bob", "customer": null,
                           "metadata": {"plan": "price_paid"}});
        stripe.sell("completed", guest);
    };
    check_orders("a guest that became a customer", &policy(), happens, "ada:paid bob:paid");
}

#[test]
fn a_payment_has_its_limit_of_disputes_and_an_invoice_of_payments() {
    use crate::limits::{DISPUTES_PER_PAYMENT_MAX, PAYMENTS_PER_INVOICE_MAX};
    let too_large = Some(Delivered::Parked(Code::PaymentTooLarge));
    let disputes = |count: usize| {
        tell(&policy(), |stripe| {
            for n in 0..count {
                stripe.dispute("created", &format!("dp_{n}"), "pi_1", "needs_response");
            }
        })
    };
    assert_ne!(disputes(DISPUTES_PER_PAYMENT_MAX).1, too_large);
    assert_eq!(disputes(DISPUTES_PER_PAYMENT_MAX + 1).1, too_large);
    let again = tell(&policy(), |stripe| {
        for n in (0..DISPUTES_PER_PAYMENT_MAX).chain([0]) {
            stripe.dispute("updated", &format!("dp_{n}"), "pi_1", "needs_response");
            stripe.later(1);
        }
    });
    assert_ne!(again.1, too_large, "a known one needs no room");
    let payments = |count: usize| {
        tell(&policy(), |stripe| {
            for n in 0..count {
                stripe.invoice_payment("in_1", &format!("pi_{n}"));
            }
        })
    };
    assert_ne!(payments(PAYMENTS_PER_INVOICE_MAX).1, too_large);
    assert_eq!(payments(PAYMENTS_PER_INVOICE_MAX + 1).1, too_large);
    let again = tell(&policy(), |stripe| {
        for n in (0..PAYMENTS_PER_INVOICE_MAX).chain([0]) {
            stripe.invoice_payment("in_1", &format!("pi_{n}"));
        }
    });
    assert_ne!(again.1, too_large, "a known one needs no room");
}
