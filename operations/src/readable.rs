//! An event as people may read it: indented, and without what is secret or about a person.

use serde_json::Value;

/// What stands in the place of a value that is not shown.
const HIDDEN: &str = "(not shown)";

/// Names of members whose values are secret or personal, or lead to a page that shows such things.
const HIDDEN_NAMES: [&str; 12] = [
    "address",
    "billing_details",
    "customer_details",
    "description",
    "email",
    "name",
    "phone",
    "receipt_email",
    "shipping",
    "statement_descriptor",
    "tax_ids",
    "url",
];

/// Parts of such names.
const HIDDEN_PARTS: [&str; 6] =
    ["secret", "token", "password", "customer_email", "_url", "invoice_pdf"];

/// The body of a webhook as people may read it. A body that is no JSON is described, not shown.
#[must_use]
pub fn readable(body: &[u8]) -> Value {
    match serde_json::from_slice(body) {
        Ok(mut event) => {
            hide(&mut event);
            event
        }
        Err(error) => Value::String(format!("{} bytes that are no JSON: {error}", body.len())),
    }
}

fn hide(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let is_hidden = HIDDEN_NAMES.contains(&name.as_str())
                    || HIDDEN_PARTS.iter().any(|part| name.contains(part));
                if is_hidden && !value.is_null() {
                    *value = HIDDEN.into();
                } else {
                    hide(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(hide),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_and_personal_data_are_not_shown() {
        let body = json!({"id": "evt_1", "data": {"object": {
            "client_secret": "pi_1_secret_x", "customer": "cus_1", "receipt_email": "a@b.c",
            "customer_details": {"name": "Ada"}, "hosted_invoice_url": "https://x", "phone": null,
            "metadata": {"user_id": "ada", "api_token": "t"}, "items": [{"url": "/v1/x", "price": 1}],
        }}});
        let shown = readable(body.to_string().as_bytes());
        let hidden = Value::from(HIDDEN);
        let expected = json!({"id": "evt_1", "data": {"object": {
            "client_secret": hidden, "customer": "cus_1", "receipt_email": hidden,
            "customer_details": hidden, "hosted_invoice_url": hidden, "phone": null,
            "metadata": {"user_id": "ada", "api_token": hidden}, "items": [{"url": hidden, "price": 1}],
        }}});
        assert_eq!(shown, expected);
        assert!(readable(b"whsec_1").as_str().unwrap().starts_with("7 bytes that are no JSON"));
    }
}
