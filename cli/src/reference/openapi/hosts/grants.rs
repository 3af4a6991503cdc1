//! The schemas of grants by services.

use serde_json::{Value, json};
use tierlift_core::limits::REASON_BYTES_MAX;

pub(super) fn schemas() -> Value {
    json!({
        "GrantRequest": request(&["grantId", "userId", "role", "reason"], &json!({
            "role": { "type": "string", "description": "A role of the policy, except operator" },
            "expiresAt": time("Time until which it holds; without an end, if it is null or left out"),
        })),
        "Withdrawal": request(&["grantId", "userId", "reason"], &json!({})),
        "Grant": {
            "type": "object",
            "required": ["grantId", "userId", "role", "expiresAt", "grantedAt", "withdrawnAt"],
            "properties": {
                "grantId": { "type": "string" },
                "userId": { "type": "string" },
                "role": { "type": "string" },
                "expiresAt": time("Time until which it holds"),
                "grantedAt": time("Time at which it was granted"),
                "withdrawnAt": time("Time at which it was withdrawn"),
            },
        },
    })
}

fn time(description: &str) -> Value {
    json!({ "type": ["string", "null"], "format": "date-time", "description": description })
}

/// A body, with what both have.
fn request(required: &[&str], more: &Value) -> Value {
    let mut properties = json!({
        "grantId": {
            "type": "string",
            "minLength": 1,
            "description": "The service's own id of the grant: the request happens once for each",
        },
        "userId": { "type": "string", "minLength": 1 },
        "reason": {
            "type": "string",
            "minLength": 1,
            "maxLength": REASON_BYTES_MAX,
            "description": "What the ledger says about it",
        },
    });
    if let (Some(properties), Some(more)) = (properties.as_object_mut(), more.as_object()) {
        properties.extend(more.clone());
    }
    json!({
        "type": "object",
        "required": required,
        "additionalProperties": false,
        "properties": properties,
    })
}
