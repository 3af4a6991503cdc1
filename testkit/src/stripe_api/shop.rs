//! What a shop has set up at Stripe, as its API shows it: products, prices and webhook endpoints.

use serde_json::{Value, json};

const CREATED_SECS: i64 = 1_790_000_000;

/// An active product.
#[must_use]
pub fn product(id: &str, name: &str) -> Value {
    json!({
        "id": id, "object": "product", "active": true, "created": CREATED_SECS, "default_price": null,
        "description": null, "images": [], "livemode": false, "marketing_features": [],
        "metadata": {}, "name": name, "package_dimensions": null, "shippable": null,
        "statement_descriptor": null, "tax_code": null, "type": "service", "unit_label": null,
        "updated": CREATED_SECS, "url": null,
    })
}

/// An active monthly price of a product, without a lookup key.
#[must_use]
pub fn price(id: &str, product: &str) -> Value {
    json!({
        "id": id, "object": "price", "active": true, "billing_scheme": "per_unit",
        "created": CREATED_SECS, "currency": "usd", "custom_unit_amount": null, "livemode": false,
        "lookup_key": null, "metadata": {}, "nickname": null, "product": product,
        "recurring": { "interval": "month", "interval_count": 1, "meter": null,
            "trial_period_days": null, "usage_type": "licensed" },
        "tax_behavior": "unspecified", "tiers_mode": null, "transform_quantity": null,
        "type": "recurring", "unit_amount": 900, "unit_amount_decimal": "900",
    })
}

/// An enabled webhook endpoint for these types of events.
#[must_use]
pub fn webhook_endpoint(id: &str, url: &str, enabled_events: &[&str], api_version: &str) -> Value {
    json!({
        "id": id, "object": "webhook_endpoint", "api_version": api_version, "application": null,
        "created": CREATED_SECS, "description": null, "enabled_events": enabled_events,
        "livemode": false, "metadata": {}, "status": "enabled", "url": url,
    })
}
