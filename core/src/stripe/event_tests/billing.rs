//! What invoices, charges, refunds, disputes and entitlements say, in shapes before Basil and since.

use super::*;

/// Bodies of these types, for the tests that break them.
pub(super) const BODIES: [&str; 7] = [
    r#"{"id":"evt_1","type":"invoice.paid","created":7,"livemode":false,"data":{"object":{"id":"in_1","customer":"cus_1","created":5,"amount_paid":900,"parent":{"type":"subscription_details","subscription_details":{"subscription":"sub_1"}}}}}"#,
    r#"{"id":"evt_1","type":"invoice_payment.paid","created":7,"livemode":false,"data":{"object":{"id":"inpay_1","invoice":"in_1","payment":{"type":"payment_intent","payment_intent":"pi_1"}}}}"#,
    r#"{"id":"evt_1","type":"charge.refunded","created":7,"livemode":false,"data":{"object":{"id":"ch_1","customer":"cus_1","payment_intent":"pi_1","invoice":"in_1","refunded":true}}}"#,
    r#"{"id":"evt_1","type":"refund.failed","created":7,"livemode":false,"data":{"object":{"id":"re_1","charge":"ch_1","payment_intent":"pi_1","status":"failed"}}}"#,
    r#"{"id":"evt_1","type":"charge.dispute.created","created":7,"livemode":false,"data":{"object":{"id":"dp_1","charge":"ch_1","payment_intent":"pi_1","status":"needs_response"}}}"#,
    r#"{"id":"evt_1","type":"entitlements.active_entitlement_summary.updated","created":7,"livemode":false,"data":{"object":{"customer":"cus_1","entitlements":{"data":[{"id":"ent_1","lookup_key":"export"}],"has_more":false}}}}"#,
    r#"{"id":"evt_1","type":"checkout.session.completed","created":7,"livemode":false,"data":{"object":{"id":"cs_1","mode":"payment","customer":null,"payment_intent":"pi_1","payment_status":"paid","client_reference_id":"ada","metadata":{"plan":"gold"},"line_items":{"data":[{"id":"li_1","price":{"id":"a"}}]}}}}"#,
];

/// The fact of an object, in short.
fn show(kind: Type, object: &Value) -> String {
    let event = event(kind, 7, &json!({ "object": object })).unwrap();
    let optional = |id: Option<&str>| id.unwrap_or("-").to_owned();
    match &event.fact {
        Fact::Unrelated => "unrelated".to_owned(),
        Fact::Invoice { id, paid, payments } => {
            let subscription = optional(paid.subscription.as_ref().map(SubscriptionId::as_str));
            let payment = optional(payments.first().map(PaymentId::as_str));
            assert_eq!(paid.paid_secs, 7, "it is paid when the event happens");
            format!("{id}@{} {subscription} {payment}", paid.created_secs)
        }
        Fact::InvoicePayment { invoice, payment } => format!("{invoice} {payment}"),
        Fact::Reversal { payment, invoice, report } => {
            let invoice = optional(invoice.as_ref().map(InvoiceId::as_str));
            match report {
                Report::Refunded { at_secs, full } => {
                    format!("{payment} {invoice} refunded {full} @{at_secs}")
                }
                Report::Disputed { dispute, at_secs, status } => {
                    format!("{payment} {invoice} {dispute} {status:?} @{at_secs}")
                }
            }
        }
        Fact::Features(FeatureList { names, truncated }) => {
            let names: Vec<&str> = names.iter().map(|name| &**name).collect();
            format!("{}{}", names.join(" "), if *truncated { " and more" } else { "" })
        }
        Fact::Subscription { .. }
        | Fact::Checkout { .. }
        | Fact::Purchase(_)
        | Fact::Customer { .. }
        | Fact::SubscriptionObserved { .. }
        | Fact::CustomerDeleted => panic!("{:?}", event.fact),
    }
}

#[test]
fn an_invoice_names_its_subscription_and_before_basil_its_payment() {
    let parent = |subscription: Value| json!({"parent": {"subscription_details": {"subscription": subscription}}});
    for (patch, expected) in [
        (json!({"subscription": "sub_1", "payment_intent": "pi_1"}), "in_1@5 sub_1 pi_1"),
        (json!({"subscription": {"id": "sub_1"}, "charge": "ch_1"}), "in_1@5 sub_1 ch_1"),
        (
            json!({"subscription": "sub_1", "payment_intent": "pi_1", "charge": "ch_1"}),
            "in_1@5 sub_1 pi_1",
        ),
        (parent(json!("sub_1")), "in_1@5 sub_1 -"),
        (parent(json!({"id": "sub_1"})), "in_1@5 sub_1 -"),
        (json!({"parent": {"type": "quote_details", "subscription_details": null}}), "in_1@5 - -"),
        (json!({"parent": null}), "in_1@5 - -"),
        (json!({"created": null, "subscription": "sub_1"}), "in_1@7 sub_1 -"),
        // Nothing was to pay, so nothing can be given back.
        (json!({"amount_paid": 0, "subscription": "sub_1"}), "unrelated"),
        (json!({"amount_paid": -5, "subscription": "sub_1"}), "unrelated"),
    ] {
        let invoice = json!({"id": "in_1", "customer": "cus_1", "created": 5, "amount_paid": 9});
        let shown = show(Type::InvoicePaid, &patched(invoice, patch.clone()));
        assert_eq!(shown, expected, "{patch}");
    }
}

#[test]
fn an_invoice_payment_connects_an_invoice_to_its_payment() {
    for (payment, expected) in [
        (json!({"type": "payment_intent", "payment_intent": "pi_1"}), "in_1 pi_1"),
        (json!({"payment_intent": {"id": "pi_1"}}), "in_1 pi_1"),
        (json!({"type": "charge", "charge": "ch_1"}), "in_1 ch_1"),
        // Paid outside Stripe.
        (json!({"type": "payment_record", "payment_record": "prec_1"}), "unrelated"),
        (Value::Null, "unrelated"),
    ] {
        let object = json!({"id": "inpay_1", "invoice": "in_1", "payment": payment});
        assert_eq!(show(Type::InvoicePaymentPaid, &object), expected, "{payment}");
    }
}

#[test]
fn a_full_refund_counts_and_a_failed_one_undoes_it() {
    let charge = |patch: Value| {
        let charge = json!({"id": "ch_1", "payment_intent": "pi_1", "refunded": true});
        (Type::ChargeRefunded, patched(charge, patch))
    };
    let refund = |kind, status: Value| {
        (kind, json!({"id": "re_1", "charge": "ch_1", "payment_intent": "pi_1", "status": status}))
    };
    for ((kind, object), expected) in [
        (charge(json!({})), "pi_1 - refunded true @7"),
        (charge(json!({"invoice": "in_1"})), "pi_1 in_1 refunded true @7"),
        (charge(json!({"payment_intent": null})), "ch_1 - refunded true @7"),
        (charge(json!({"refunded": false, "amount_refunded": 5})), "unrelated"),
        (refund(Type::RefundFailed, json!("failed")), "pi_1 - refunded false @7"),
        (refund(Type::RefundUpdated, json!("failed")), "pi_1 - refunded false @7"),
        (refund(Type::RefundUpdated, json!("canceled")), "pi_1 - refunded false @7"),
        (refund(Type::ChargeRefundUpdated, json!("failed")), "pi_1 - refunded false @7"),
        (refund(Type::RefundUpdated, json!("succeeded")), "unrelated"),
        (refund(Type::RefundUpdated, json!("pending")), "unrelated"),
        (refund(Type::ChargeRefundUpdated, Value::Null), "unrelated"),
    ] {
        assert_eq!(show(kind, &object), expected, "{kind} {object}");
    }
}

#[test]
fn a_dispute_is_open_won_lost_or_none() {
    for (status, expected) in [
        ("needs_response", "Open"),
        ("under_review", "Open"),
        ("won", "Won"),
        ("lost", "Lost"),
        ("warning_needs_response", "Inquiry"),
        ("warning_under_review", "Inquiry"),
        ("warning_closed", "Inquiry"),
        ("prevented", "Inquiry"),
        ("charge_refunded", "Inquiry"),
        // An appeal does not undo the decision before it: that is final until there is another.
        ("appeal_needs_response", "Open"),
        ("appeal_under_review", "Open"),
        ("something_new", "Open"),
    ] {
        for kind in [
            Type::DisputeCreated,
            Type::DisputeUpdated,
            Type::DisputeFundsWithdrawn,
            Type::DisputeFundsReinstated,
            Type::DisputeClosed,
        ] {
            let object =
                json!({"id": "dp_1", "charge": "ch_1", "payment_intent": "pi_1", "status": status});
            assert_eq!(show(kind, &object), format!("pi_1 - dp_1 {expected} @7"));
            let old = json!({"id": "dp_1", "charge": "ch_1", "status": status});
            assert_eq!(show(kind, &old), format!("ch_1 - dp_1 {expected} @7"));
        }
    }
}

#[test]
fn a_summary_lists_lookup_keys() {
    let key = |key: &str| json!({"id": "ent_1", "lookup_key": key});
    for (entitlements, expected) in [
        (json!({"data": [key("b"), key("a"), key("b")]}), "a b"),
        (json!({"data": [key("a")], "has_more": true}), "a and more"),
        (json!({"data": [], "has_more": false}), ""),
    ] {
        let object = json!({"customer": "cus_1", "entitlements": entitlements});
        assert_eq!(show(Type::EntitlementsUpdated, &object), expected);
    }
}
