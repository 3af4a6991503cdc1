//! `docs/reference/frames.schema.json` and `docs/reference/webhooks.schema.json`: the frames of a socket, and the webhooks to
//! the host, as JSON Schema. What they share with the routes' answers is described once, in `openapi/`.

use serde_json::{Map, Value, json};

use super::openapi::{change, members, object, session_object, webhook_body};

fn frames() -> Value {
    let v = json!({ "const": 1, "description": "Version of the fields" });
    let framed = |kind: &str, schema: &Value| {
        let mut frame = schema.clone();
        frame["properties"]["v"] = v.clone();
        frame["properties"]["type"] = json!({ "const": kind });
        if let Some(required) = frame["required"].as_array_mut() {
            required.extend([json!("v"), json!("type")]);
        }
        frame
    };
    let mut change = change();
    if let (Some(properties), Value::Object(more)) =
        (change["properties"].as_object_mut(), members())
    {
        properties.extend(more);
    }
    let close = object(&json!({
        "code": { "type": "integer", "description": "The code with which the socket is about to end" },
        "reason": { "type": "string" },
    }));
    let seen =
        |description: &str| json!({ "type": "integer", "minimum": 0, "description": description });
    schema(
        "Frames of the subprotocol tierlift.v1. A server may send more properties, and frames of other types: ignore those.",
        "ServerFrame",
        &json!({
            "ServerFrame": { "anyOf": refer(&["Snapshot", "Notice", "Pong", "Close"]) },
            "ClientFrame": { "anyOf": refer(&["Sync", "Ping"]) },
            "Snapshot": framed("SNAPSHOT", &session_object()),
            "Notice": change,
            "Pong": framed("PONG", &object(&json!({}))),
            "Close": framed("CLOSE", &close),
            "Sync": {
                "type": "object",
                "required": ["action"],
                "properties": {
                    "action": { "const": "sync" },
                    "epoch": seen("What the page shows, of the latest frame"),
                    "revocationId": seen("What the page shows; 0 if it shows nothing"),
                    "accountVersion": seen("What the page shows"),
                },
            },
            "Ping": {
                "type": "object",
                "required": ["action"],
                "properties": { "action": { "const": "ping" } },
            },
        }),
    )
}

fn webhooks() -> Value {
    let mut message = webhook_body();
    message["properties"]["data"] = json!({ "$ref": "#/$defs/Change" });
    let title =
        "The body of a webhook to the host. More properties and types may come: ignore those.";
    schema(title, "Webhook", &json!({ "Webhook": message, "Change": change() }))
}

fn schema(title: &str, whole: &str, definitions: &Value) -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "$ref": format!("#/$defs/{whole}"),
        "$defs": definitions,
    })
}

fn refer(names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| json!({ "$ref": format!("#/$defs/{name}") })).collect()
}

/// The properties of an object by name.
fn properties(schema: &Value) -> &Map<String, Value> {
    schema["properties"].as_object().unwrap()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tierlift_core::{
        account::{Account, Standing},
        accounts::Accounts,
        change::{Change, ChangeKind},
        id::{Epoch, EventId, RevocationId, UserId, Version},
        policy::{Policy, PolicyConfig, Role},
        time::Timestamp,
        webhook,
        wire::{
            frame::{self, ClientFrame},
            session::Session,
        },
    };
    use tierlift_testkit::json_schema::{errors, errors_by};

    use super::*;

    #[test]
    fn the_schemas_are_up_to_date() {
        super::super::check("frames.schema.json", &super::super::json(&frames()));
        super::super::check("webhooks.schema.json", &super::super::json(&webhooks()));
    }

    fn account(user: &str) -> Account {
        Account::new(UserId::new(user).unwrap(), &policy())
    }

    fn policy() -> Policy {
        Policy::new(PolicyConfig::default()).unwrap()
    }

    fn changed(kind: ChangeKind) -> Change {
        Change {
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
        }
    }

    const KINDS: [ChangeKind; 3] =
        [ChangeKind::Upgraded, ChangeKind::Downgraded, ChangeKind::Subscription];

    /// A document fits, has no property that is not described, and is refused when a required one is missing.
    fn check(root: &Value, whole: &str, part: &str, text: &str) {
        let document: Value = serde_json::from_str(text).unwrap();
        assert_eq!(errors_by(root, part, &document), [""; 0], "{text}");
        assert_eq!(errors_by(root, whole, &document), [""; 0], "{text}");
        let described = &root["$defs"][part];
        for (name, _) in document.as_object().unwrap() {
            assert!(properties(described).contains_key(name), "{part}: {name} in {text}");
        }
        for name in described["required"].as_array().unwrap() {
            let mut without = document.clone();
            without.as_object_mut().unwrap().remove(name.as_str().unwrap());
            assert_ne!(errors_by(root, whole, &without), [""; 0], "{part} without {name}");
        }
    }

    #[test]
    fn frames_are_described_as_they_are_sent() {
        let (root, at) = (frames(), Timestamp::from_secs(0));
        let both = Accounts::new(account("ada"), vec![account("org")]);
        let mut seen = BTreeSet::new();
        let mut sent = |part: &str, text: &str| {
            check(&root, "ServerFrame", part, text);
            let frame: Value = serde_json::from_str(text).unwrap();
            seen.extend(frame.as_object().unwrap().keys().map(|name| format!("{part}.{name}")));
        };
        sent("Snapshot", &frame::snapshot(&Session::new(&account("ada"), &policy(), at)));
        sent("Snapshot", &frame::snapshot(&Session::of(&both, &policy(), at)));
        for kind in KINDS {
            sent("Notice", &frame::notice(&changed(kind)));
            sent("Notice", &frame::notice_for(&changed(kind), &both, &policy(), at));
        }
        sent("Pong", frame::pong());
        let (code, reason) = frame::TOKEN_EXPIRED;
        sent("Close", &frame::close(code, reason));
        // Nothing is described that is never sent.
        for part in ["Snapshot", "Notice", "Pong", "Close"] {
            for name in properties(&root["$defs"][part]).keys() {
                assert!(seen.contains(&format!("{part}.{name}")), "{part}.{name}");
            }
        }
    }

    #[test]
    fn what_a_client_may_send_is_described_as_it_is_read() {
        let root = frames();
        for text in [
            r#"{"action":"sync","epoch":5,"revocationId":7,"accountVersion":9}"#,
            r#"{"action":"sync","revocationId":7}"#,
            r#"{"action":"sync","revocationId":-1}"#,
            r#"{"action":"ping"}"#,
            r#"{"action":"shout"}"#,
            r"{}",
        ] {
            let fits = errors_by(&root, "ClientFrame", &serde_json::from_str(text).unwrap());
            assert_eq!(fits.is_empty(), ClientFrame::parse(text).is_some(), "{text}: {fits:?}");
        }
    }

    #[test]
    fn webhooks_are_described_as_they_are_sent() {
        let root = webhooks();
        for kind in KINDS {
            let text = webhook::body(17, &changed(kind));
            check(&root, "Webhook", "Webhook", &text);
            let body: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(errors(&root, &body), [""; 0]);
            check(&root, "Change", "Change", &body["data"].to_string());
        }
    }
}
