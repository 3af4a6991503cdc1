//! The part of JSON Schema (2020-12) that tierlift's own schemas use, to check documents against them in tests. A keyword that
//! it does not know is a panic, never a rule that is left out.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a schema that is wrong fails the test")]

use serde_json::Value;

/// What is wrong with a document, by a schema of its own.
#[must_use]
pub fn errors(schema: &Value, document: &Value) -> Vec<String> {
    errors_in(schema, schema, document)
}

/// What is wrong with a document, by one of the schemas under `$defs`.
#[must_use]
pub fn errors_by(root: &Value, name: &str, document: &Value) -> Vec<String> {
    errors_in(root, definition(root, &format!("#/$defs/{name}")), document)
}

fn definition<'a>(root: &'a Value, reference: &str) -> &'a Value {
    let pointer = reference.strip_prefix('#').unwrap();
    root.pointer(pointer).unwrap_or_else(|| panic!("there is no {reference}"))
}

fn errors_in(root: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let errors = |schema: &Value, value: &Value| errors_in(root, schema, value);
    let mut found = Vec::new();
    for (keyword, rule) in schema.as_object().unwrap() {
        let ok = match keyword.as_str() {
            "$ref" => {
                found.extend(errors(definition(root, rule.as_str().unwrap()), value));
                true
            }
            "type" => match rule.as_array() {
                Some(names) => names.iter().any(|name| has_type(name.as_str().unwrap(), value)),
                None => has_type(rule.as_str().unwrap(), value),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "const" => rule == value,
            "anyOf" => rule.as_array().unwrap().iter().any(|rule| errors(rule, value).is_empty()),
            "not" => !errors(rule, value).is_empty(),
            "minimum" => value.as_f64() >= rule.as_f64(),
            "maximum" => value.as_f64() <= rule.as_f64(),
            "minLength" => value.as_str().map(str::len) >= length(rule),
            "maxLength" => value.as_str().map(str::len) <= length(rule),
            "minItems" => value.as_array().map(Vec::len) >= length(rule),
            "maxItems" => value.as_array().map(Vec::len) <= length(rule),
            "minProperties" => value.as_object().map(serde_json::Map::len) >= length(rule),
            "uniqueItems" => is_unique(value.as_array().map_or(&[][..], Vec::as_slice)),
            "required" => rule
                .as_array()
                .unwrap()
                .iter()
                .all(|key| value.get(key.as_str().unwrap()).is_some()),
            "dependentRequired" => rule.as_object().unwrap().iter().all(|(key, needed)| {
                let mut needed = needed.as_array().unwrap().iter();
                value.get(key).is_none()
                    || needed.all(|key| value.get(key.as_str().unwrap()).is_some())
            }),
            "pattern" => regex_lite::Regex::new(rule.as_str().unwrap())
                .unwrap()
                .is_match(value.as_str().unwrap_or_default()),
            "items" => {
                value.as_array().into_iter().flatten().for_each(|v| found.extend(errors(rule, v)));
                true
            }
            "properties" => {
                for (key, schema) in rule.as_object().unwrap() {
                    value.get(key).into_iter().for_each(|v| found.extend(errors(schema, v)));
                }
                true
            }
            "additionalProperties" => {
                let known = schema.get("properties").unwrap_or(&Value::Null);
                let others = value.as_object().into_iter().flatten();
                for (key, value) in others.filter(|(key, _)| known.get(key).is_none()) {
                    if *rule == Value::Bool(false) {
                        found.push(format!("unknown key {key}"));
                    } else {
                        found.extend(errors(rule, value));
                    }
                }
                true
            }
            // `format` is an annotation.
            "$schema" | "$defs" | "title" | "description" | "default" | "format" => true,
            other => panic!("the check does not know {other}"),
        };
        if !ok {
            found.push(format!("{keyword} {rule}: {value}"));
        }
    }
    found
}

fn has_type(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("the check does not know type {other}"),
    }
}

fn length(rule: &Value) -> Option<usize> {
    rule.as_u64().and_then(|length| usize::try_from(length).ok())
}

fn is_unique(list: &[Value]) -> bool {
    list.iter().enumerate().all(|(index, value)| !list.iter().skip(index + 1).any(|v| v == value))
}
