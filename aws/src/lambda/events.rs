//! Payloads as AWS documents them, for the tests of the runtime.

use serde_json::{Value, json};

/// Maps with keys of the sender: a further field would be a further header or attribute.
const MAPS: [&str; 6] =
    ["headers", "multiValueHeaders", "attributes", "messageAttributes", "stageVariables", "Keys"];

/// A payload as it is, and with fields that AWS may add one day.
pub(super) fn read(json: &str) -> [String; 2] {
    let mut payload: Value = serde_json::from_str(json).unwrap();
    let documented = payload.to_string();
    add_fields(&mut payload);
    [documented, payload.to_string()]
}

fn add_fields(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                if !MAPS.contains(&name.as_str()) {
                    add_fields(field);
                }
            }
            fields.insert("addedLater".to_owned(), json!({ "by": ["AWS", null, 1.5] }));
        }
        Value::Array(values) => values.iter_mut().for_each(add_fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
