//! Webhook bodies for single tests: under ids that the test chooses, with the fields that tierlift reads.
//!
//! Whole lives, in full objects, are what [`lifecycle`](crate::lifecycle) generates.
#![allow(
    clippy::indexing_slicing,
    reason = "an index into JSON inserts, or is of an event of this module"
)]

use serde_json::{Value, json};
use tierlift_core::time::Timestamp;

/// An event about an object.
#[must_use]
pub fn event(id: &str, kind: &str, created: Timestamp, object: &Value) -> Value {
    json!({
        "id": id,
        "object": "event",
        "type": kind,
        "created": created.as_secs(),
        "livemode": false,
        "data": { "object": object },
    })
}

/// The event that creates the one subscription of a user's one customer: to `price_pro`, for 30 days.
#[must_use]
pub fn subscription(id: &str, user: &str, status: &str, created: Timestamp) -> Value {
    let object = json!({
        "id": format!("sub_{user}"),
        "customer": format!("cus_{user}"),
        "status": status,
        "metadata": { "user_id": user },
        "items": { "data": [{
            "id": "si_1",
            "price": { "id": "price_pro" },
            "current_period_end": created.plus_days(30).as_secs(),
        }] },
    });
    event(id, "customer.subscription.created", created, &object)
}

/// Turns an event into one that updates the subscription. `previous` are the attributes before it; if
/// there are none, the event does not say what changed.
#[must_use]
pub fn updated(mut event: Value, previous: Option<Value>) -> Value {
    event["type"] = "customer.subscription.updated".into();
    if let Some(previous) = previous {
        event["data"]["previous_attributes"] = previous;
    }
    event
}

/// The thin form of an event: it names the object, and perhaps the event itself as its snapshot twin
/// (<https://docs.stripe.com/api/v2/core/events>).
#[must_use]
pub fn thin(event: &Value, twin: Option<&str>) -> Value {
    let object = &event["data"]["object"];
    let created = Timestamp::from_secs(event["created"].as_i64().unwrap_or_default());
    let kind = event["type"].as_str().unwrap_or_default();
    json!({
        "id": event["id"],
        "object": "v2.core.event",
        "type": format!("v1.{kind}"),
        "created": created.to_string(),
        "livemode": event["livemode"],
        "context": null,
        "changes": null,
        "reason": null,
        "related_object": { "id": object["id"], "type": object["object"], "url": null },
        "snapshot_event": twin,
    })
}
