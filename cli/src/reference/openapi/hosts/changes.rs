//! The schemas of changes: in the log, and in webhooks to the host.

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

#[cfg(test)]
mod tests {
    use tierlift_core::{
        account::Standing,
        change::{Change, ChangeKind},
        id::{Epoch, EventId, RevocationId, UserId, Version},
        policy::Role,
        time::Timestamp,
        webhook,
    };

    use super::*;

    #[test]
    fn changes_and_webhooks_are_described_as_they_are_sent() {
        let schemas = schemas();
        let is_described = |name: &str, value: &Value| {
            let properties = schemas[name]["properties"].as_object().unwrap();
            assert!(properties.keys().eq(value.as_object().unwrap().keys()), "{name}: {value:#}");
            let types = properties["type"]["enum"].as_array().unwrap();
            assert!(types.contains(&value["type"]), "{name}: {value:#}");
        };
        let kinds = [ChangeKind::Upgraded, ChangeKind::Downgraded, ChangeKind::Subscription];
        for kind in kinds {
            let change = Change {
                kind,
                user: UserId::new("ada").unwrap(),
                previous_role: Role::new("free"),
                role: Role::new("paid"),
                epoch: Epoch(0),
                revocation_id: RevocationId(3),
                account_version: Version(7),
                standing: Standing::default(),
                event: EventId::new("evt_1").unwrap(),
                role_assigned_at: None,
                revoked_before: None,
                at: Timestamp::from_millis(4),
            };
            let webhook: Value = serde_json::from_str(&webhook::body(17, &change)).unwrap();
            is_described("Webhook", &webhook);
            is_described("Change", &webhook["data"]);
        }
    }
}
