//! `docs/reference/tierlift.schema.json`: a JSON Schema of `tierlift.toml`, with which editors complete
//! and check it. Rules between keys, such as a plan's role being one of `roles`, are the program's.

use serde_json::{Value, json};
use tierlift_core::{
    limits::{GRACE_DAYS_MAX, ROLE_NAME_BYTES_MAX, ROLES_MAX},
    policy::{OPERATOR, PastDue, PolicyConfig, UnmappedPrice},
};

use super::repository;
use crate::config::{Config, POLICY_KEYS, ROOT_KEYS};

fn schema() -> Value {
    let default = PolicyConfig::default();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "tierlift.toml",
        "description": "Configuration of a tierlift server",
        "type": "object",
        "additionalProperties": false,
        "required": ["plans"],
        "properties": {
            "roles": {
                "description": "Roles, lowest first. Everybody who has not paid has the first one.",
                "type": "array",
                "items": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": ROLE_NAME_BYTES_MAX,
                    "not": { "const": OPERATOR },
                },
                "minItems": 1,
                "maxItems": ROLES_MAX,
                "uniqueItems": true,
                "default": default.roles,
            },
            "livemode": {
                "description": "Whether this deployment accepts live events or test events.",
                "type": "boolean",
                "default": default.livemode,
            },
            "allowed_origins": {
                "description": "Origins whose pages may open sockets and ask for sessions.",
                "type": "array",
                "items": { "type": "string", "pattern": "^[a-z][a-z0-9+.-]*://[^/?#@*A-Z\\s]+$" },
                "default": [],
            },
            "jwks_url": {
                "description": "Address of the key set of the issuer of access tokens.",
                "type": "string",
                "pattern": "^https?://[^/]",
            },
            "plans": {
                "description": "The role that each price id, product id or lookup key earns.",
                "type": "object",
                "minProperties": 1,
                "additionalProperties": { "type": "string" },
            },
            "policy": policy(&default),
        },
    })
}

fn policy(default: &PolicyConfig) -> Value {
    json!({
        "description": "What lateness and unknown prices mean.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "past_due": {
                "description": "Whether a past-due subscription keeps its role during the days of \
                                grace.",
                "type": "string",
                "enum": PastDue::ALL.map(PastDue::as_str),
                "default": default.past_due.as_str(),
            },
            "grace_days": {
                "description": "Days for which a role outlasts what was paid for.",
                "type": "integer",
                "minimum": 0,
                "maximum": GRACE_DAYS_MAX,
                "default": default.grace_days,
            },
            "unmapped_price": {
                "description": "Whether events of a price that is not in plans become dead letters.",
                "type": "string",
                "enum": UnmappedPrice::ALL.map(UnmappedPrice::as_str),
                "default": default.unmapped_price.as_str(),
            },
        },
    })
}

#[test]
fn the_schema_is_up_to_date() {
    super::check("tierlift.schema.json", &super::json(&schema()));
}

#[test]
fn the_schema_has_exactly_the_keys_that_are_read() {
    let schema = schema();
    let keys = |pointer: &str| {
        let properties = schema.pointer(pointer).unwrap().as_object().unwrap();
        let mut keys: Vec<_> = properties.keys().cloned().collect();
        keys.sort();
        keys
    };
    let sorted = |keys: &[&str]| {
        let mut keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
        keys.sort();
        keys
    };
    assert_eq!(keys("/properties"), sorted(ROOT_KEYS));
    assert_eq!(keys("/properties/policy/properties"), sorted(POLICY_KEYS));
}

#[test]
fn the_schema_and_the_program_agree() {
    let example = std::fs::read_to_string(repository().join("tierlift.example.toml")).unwrap();
    let plans = "[plans]\nprice_pro = \"paid\"\n";
    for (text, is_valid) in [
        (&*example, true),
        ("", true),
        ("jwks_url = \"https://issuer.example.com/jwks.json\"", true),
        ("allowed_origins = [\"https://a.example\", \"http://[::1]:3000\"]", true),
        ("policy.grace_days = 90", true),
        ("role = [\"free\"]", false),
        ("roles = \"free\"", false),
        ("roles = []", false),
        ("roles = [\"free\", \"free\"]", false),
        ("roles = [\"free\", \"operator\"]", false),
        ("roles = [\"free\", \"\"]", false),
        ("livemode = \"no\"", false),
        ("allowed_origins = [\"*\"]", false),
        ("allowed_origins = [\"https://a.example/\"]", false),
        ("allowed_origins = [\"https://A.example\"]", false),
        ("jwks_url = \"issuer\"", false),
        ("policy.past_due = \"kep\"", false),
        ("policy.grace_days = 91", false),
        ("policy.grace_days = -1", false),
        ("policy.grace_days = 1.5", false),
        ("policy.unmapped_prices = \"park\"", false),
    ] {
        let text = if text == example { text.to_owned() } else { format!("{text}\n{plans}") };
        assert_eq!(Config::parse("t.toml", &text).is_ok(), is_valid, "the program: {text}");
        let document: Value = toml::from_str(&text).unwrap();
        let errors = errors(&schema(), &document);
        assert_eq!(errors.is_empty(), is_valid, "the schema: {text}\n{errors:?}");
    }
}

/// Checks a document against the part of JSON Schema that this schema uses.
fn errors(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, rule) in schema.as_object().unwrap() {
        let ok = match keyword.as_str() {
            "type" => has_type(rule.as_str().unwrap(), value),
            "enum" => rule.as_array().unwrap().contains(value),
            "const" => rule == value,
            "not" => !errors(rule, value).is_empty(),
            "minimum" => value.as_i64() >= rule.as_i64(),
            "maximum" => value.as_i64() <= rule.as_i64(),
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
            "$schema" | "title" | "description" | "default" => true,
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
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("the check does not know type {other}"),
    }
}

fn length(rule: &Value) -> Option<usize> {
    rule.as_u64().and_then(|length| usize::try_from(length).ok())
}

fn is_unique(list: &[Value]) -> bool {
    list.iter().enumerate().all(|(index, value)| !list.iter().skip(index + 1).any(|v| v == value))
}
