//! Stripe's objects in full, in the shape of the Basil API (2025-03-31): periods on the items.
//!
//! Source: <https://docs.stripe.com/api/events/object> and the objects it carries. What a value
//! means is none of this module's business; it only writes what a subscription's fields say.

use serde_json::{Map, Value, json};
use tierlift_core::subscription::Status;

use crate::subscription::Subscription;

/// The API version that the events are written in.
const API_VERSION: &str = "2025-03-31.basil";
const CURRENCY: &str = "eur";
const AMOUNT_CENTS: u32 = 1_900;
const PRICE_CREATED_SECS: i64 = 1_735_689_600;

/// An event around an object.
pub(crate) fn event(
    id: &str,
    kind: &str,
    created_secs: i64,
    object: &Value,
    previous: Option<&Value>,
) -> Value {
    let mut data = json!({ "object": object });
    if let (Some(previous), Some(data)) = (previous, data.as_object_mut()) {
        data.insert("previous_attributes".to_owned(), previous.clone());
    }
    json!({
        "id": id,
        "object": "event",
        "api_version": API_VERSION,
        "created": created_secs,
        "data": data,
        "livemode": false,
        "pending_webhooks": 1,
        "request": { "id": null, "idempotency_key": null },
        "type": kind,
    })
}

/// What changed, with its value before: nested for hashes, whole for lists and plain values, as
/// Stripe writes `previous_attributes`.
pub(crate) fn previous_attributes(before: &Value, after: &Value) -> Value {
    let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else {
        return before.clone();
    };
    let mut changed = Map::new();
    for (key, new) in after {
        let old = before.get(key).unwrap_or(&Value::Null);
        if old != new {
            changed.insert(key.clone(), previous_attributes(old, new));
        }
    }
    for (key, old) in before {
        if !after.contains_key(key) {
            changed.insert(key.clone(), old.clone());
        }
    }
    Value::Object(changed)
}

/// `customer.subscription.*`'s object.
pub(crate) fn subscription(sub: &Subscription) -> Value {
    let ended = sub.status.is_terminal().then_some(sub.changed_secs);
    let paid = sub.status != Status::Incomplete;
    let paused = json!({ "behavior": "keep_as_draft", "resumes_at": null });
    let mut object = json!({
        "id": sub.id,
        "object": "subscription",
        "billing_cycle_anchor": sub.started_secs,
        "cancel_at": sub.cancel_at_period_end.then_some(sub.period_end_secs),
        "cancel_at_period_end": sub.cancel_at_period_end,
        "canceled_at": ended,
        "collection_method": "charge_automatically",
        "created": sub.started_secs,
        "currency": CURRENCY,
        "customer": sub.customer,
        "default_payment_method": paid.then(|| sub.sibling("pm_1", 23)),
        "ended_at": ended,
        "items": items(sub),
        "latest_invoice": sub.sibling(&format!("in_1{:04}", sub.period % 10_000), 19),
        "livemode": false,
        "metadata": { "note": sub.note.to_string(), "user_id": sub.user },
        "pause_collection": sub.collection_paused.then_some(paused),
        "quantity": sub.quantity,
        "start_date": sub.started_secs,
        "status": sub.status.as_str(),
    });
    if let (Value::Object(all), Value::Object(unused)) = (&mut object, unused_of_subscription()) {
        all.extend(unused);
    }
    object
}

/// What every subscription has and no simulated one makes use of.
fn unused_of_subscription() -> Value {
    json!({
        "application": null,
        "application_fee_percent": null,
        "automatic_tax": { "disabled_reason": null, "enabled": false, "liability": null },
        "billing_cycle_anchor_config": null,
        "billing_thresholds": null,
        "cancellation_details": { "comment": null, "feedback": null, "reason": null },
        "days_until_due": null,
        "default_source": null,
        "default_tax_rates": [],
        "description": null,
        "discounts": [],
        "invoice_settings": { "account_tax_ids": null, "issuer": { "type": "self" } },
        "next_pending_invoice_item_invoice": null,
        "on_behalf_of": null,
        "payment_settings": {
            "payment_method_options": null,
            "payment_method_types": null,
            "save_default_payment_method": "on_subscription",
        },
        "pending_invoice_item_interval": null,
        "pending_setup_intent": null,
        "pending_update": null,
        "schedule": null,
        "test_clock": null,
        "transfer_data": null,
        "trial_end": null,
        "trial_settings": { "end_behavior": { "missing_payment_method": "create_invoice" } },
        "trial_start": null,
    })
}

fn items(sub: &Subscription) -> Value {
    let product = product_of(&sub.price);
    let recurring = json!({
        "interval": "month", "interval_count": 1, "meter": null, "trial_period_days": null,
        "usage_type": "licensed",
    });
    let item = json!({
        "id": sub.sibling("si_", 14),
        "object": "subscription_item",
        "billing_thresholds": null,
        "created": sub.started_secs,
        "current_period_end": sub.period_end_secs,
        "current_period_start": sub.period_start_secs(),
        "discounts": [],
        "metadata": {},
        "plan": {
            "id": sub.price, "object": "plan", "active": true, "amount": AMOUNT_CENTS,
            "amount_decimal": AMOUNT_CENTS.to_string(), "billing_scheme": "per_unit",
            "created": PRICE_CREATED_SECS, "currency": CURRENCY, "interval": "month",
            "interval_count": 1, "livemode": false, "metadata": {}, "meter": null,
            "nickname": null, "product": product, "tiers_mode": null, "transform_usage": null,
            "trial_period_days": null, "usage_type": "licensed",
        },
        "price": {
            "id": sub.price, "object": "price", "active": true, "billing_scheme": "per_unit",
            "created": PRICE_CREATED_SECS, "currency": CURRENCY, "custom_unit_amount": null,
            "livemode": false, "lookup_key": null, "metadata": {}, "nickname": null,
            "product": product, "recurring": recurring, "tax_behavior": "unspecified",
            "tiers_mode": null, "transform_quantity": null, "type": "recurring",
            "unit_amount": AMOUNT_CENTS, "unit_amount_decimal": AMOUNT_CENTS.to_string(),
        },
        "quantity": sub.quantity,
        "subscription": sub.id,
        "tax_rates": [],
    });
    json!({
        "object": "list",
        "data": [item],
        "has_more": false,
        "total_count": 1,
        "url": format!("/v1/subscription_items?subscription={}", sub.id),
    })
}

fn product_of(price: &str) -> String {
    crate::random::customer_of("prod_", price)
}

/// `checkout.session.*`'s object.
pub(crate) fn checkout(sub: &Subscription, payment_status: &str) -> Value {
    json!({
        "id": sub.sibling("cs_test_a1", 58),
        "object": "checkout.session",
        "allow_promotion_codes": null,
        "amount_subtotal": AMOUNT_CENTS,
        "amount_total": AMOUNT_CENTS,
        "automatic_tax": { "enabled": false, "liability": null, "status": null },
        "billing_address_collection": null,
        "cancel_url": "https://app.example.com/pricing",
        "client_reference_id": sub.user,
        "created": sub.started_secs,
        "currency": CURRENCY,
        "customer": sub.customer,
        "customer_creation": "always",
        "customer_details": {
            "address": { "country": "DE", "postal_code": null, "state": null },
            "email": "someone@example.com", "name": null, "phone": null, "tax_exempt": "none",
        },
        "expires_at": sub.started_secs + 86_400,
        "invoice": sub.sibling("in_10000", 19),
        "livemode": false,
        "locale": null,
        "metadata": {},
        "mode": "subscription",
        "payment_intent": null,
        "payment_method_collection": "always",
        "payment_method_types": ["card", "sepa_debit"],
        "payment_status": payment_status,
        "status": "complete",
        "submit_type": null,
        "subscription": sub.id,
        "success_url": "https://app.example.com/welcome?session_id={CHECKOUT_SESSION_ID}",
        "ui_mode": "hosted",
        "url": null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn previous_attributes_name_what_changed_and_nothing_else() {
        let before = json!({ "a": 1, "same": 1, "hash": { "x": 1, "y": 2 }, "list": [1, 2] });
        let after = json!({ "a": 2, "same": 1, "hash": { "x": 1, "y": 3 }, "list": [1], "new": 0 });
        assert_eq!(
            previous_attributes(&before, &after),
            json!({ "a": 1, "hash": { "y": 2 }, "list": [1, 2], "new": null })
        );
    }
}
