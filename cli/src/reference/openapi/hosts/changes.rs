//! The schemas of changes: in the log, and in webhooks to the host. `reference/frames.rs` holds them to what is sent.

use serde_json::{Value, json};

use super::super::{reference, schemas};

const TYPES: [&str; 3] = ["ROLE_UPGRADED", "ROLE_DOWNGRADED", "SUBSCRIPTION_CHANGED"];

pub(super) fn schemas() -> Value {
    json!({
        "Change": change(),
        "Changes": schemas::object(&json!({
            "changes": { "type": "array", "items": reference("Change") },
            "cursor": { "type": "string", "description": "The place behind the last one" },
        })),
        "Webhook": webhook_body(),
    })
}

/// The body of a webhook.
pub(in super::super::super) fn webhook_body() -> Value {
    schemas::object(&json!({
        "type": { "enum": TYPES.map(webhook_type) },
        "timestamp": { "type": "string", "format": "date-time", "description": "Time of the change" },
        "sequence": {
            "type": "integer",
            "minimum": 1,
            "description": "Position in the log of changes, without a gap over all users",
        },
        "data": reference("Change"),
    }))
}

/// The type of a webhook about a change of that type.
fn webhook_type(change: &str) -> String {
    change.to_lowercase().replace('_', ".")
}

/// What a session has except the roles of the policy, and what happened.
pub(in super::super::super) fn change() -> Value {
    let mut properties = schemas::session();
    let happened = json!({
        "v": { "const": 1, "description": "Version of the fields" },
        "type": { "enum": TYPES },
        "previousRole": { "type": "string", "description": "Effective role before" },
        "eventId": { "type": "string", "description": "The event behind the change" },
        "at": { "type": "string", "format": "date-time", "description": "Time of the decision" },
    });
    if let (Some(properties), Value::Object(happened)) = (properties.as_object_mut(), happened) {
        properties.remove("roles");
        properties.extend(happened);
    }
    schemas::object(&properties)
}

/// The webhook, as the host receives it.
pub(in super::super) fn webhook() -> Value {
    let header = |name: &str, description: &str| {
        json!({
            "name": name,
            "in": "header",
            "required": true,
            "description": description,
            "schema": { "type": "string" },
        })
    };
    json!({
        "operationId": "receiveChange",
        "summary": "Receive a committed change, if webhooks_out is configured",
        "parameters": [
            header("webhook-id", "The same in every try: leave out what was seen"),
            header("webhook-timestamp", "Unix seconds of this try"),
            header("webhook-signature", "By each secret: v1, and HMAC-SHA256 of id.timestamp.body"),
        ],
        "requestBody": {
            "required": true,
            "content": { "application/json": { "schema": reference("Webhook") } },
        },
        "responses": { "2XX": { "description": "Accepted; anything else is tried again" } },
    })
}
