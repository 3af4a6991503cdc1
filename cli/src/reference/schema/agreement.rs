//! Whether the schema and the program accept and refuse the same files: documents that both must
//! judge alike, and the part of JSON Schema that this takes.

use serde_json::Value;

use super::schema;
use crate::{config::Config, reference::repository};

/// Each with a plan beside it.
const VALID: &[&str] = &[
    "",
    "user_id_keys = []",
    "user_id_keys = [\"uid\"]",
    "connected_accounts = [\"acct_1\", \"acct_2\"]",
    "issuer = [\"a\"]",
    "jwks_url = \"https://issuer.example.com/jwks.json\"\nissuer = [\"a\"]\naudience = [\"b\", \"c\"]",
    "jwks_url = \"http://127.0.0.1:9/keys\"\nissuer = [\"a\"]\naudience = [\"b\"]",
    "account_claims = [\"sub\", \"org_id\"]",
    "session_max_age_days = 366",
    "authorize.cookie = \"__Host-token\"",
    "[authorize]",
    "allowed_origins = [\"https://a.example\", \"http://[::1]:3000\"]",
    "plans.pass = { role = \"paid\" }",
    "plans.pass = { role = \"paid\", days = 1 }",
    "plans.pass = { role = \"paid\", days = 36500 }",
    "[features]",
    "features.paid = []",
    "features.operator = [\"export\", \"import\"]",
    "policy.grace_days = 90",
    "policy.ignore_prices = [\"price_x\", \"prod_x\"]",
    "policy.pause_collection = \"revoke\"",
    "policy.pause_collection = {}",
    "policy.pause_collection = { void = \"revoke\", keep_as_draft = \"keep\" }",
    "policy.pause_collection.mark_uncollectible = \"revoke\"",
    "policy.refund = \"revoke\"",
    "policy.dispute = \"revoke\"",
    "policy.dispute = \"revoke_when_lost\"",
    "[purchases]",
    "[stripe]",
    "stripe = { api_base = \"http://127.0.0.1:8420\", share_percent = 100, reconcile = \"never\" }",
    "stripe.api_base = \"https://api.stripe.com/\"",
    "stripe.fetch = \"never\"",
    "purchases = { refund = \"keep\", dispute = \"keep\", stack = \"longest\" }",
];

/// Each with a plan beside it.
const INVALID: &[&str] = &[
    "role = [\"free\"]",
    "roles = \"free\"",
    "roles = []",
    "roles = [\"free\", \"free\"]",
    "roles = [\"free\", \"operator\"]",
    "roles = [\"free\", \"\"]",
    "livemode = \"no\"",
    "stripe.share_percent = 0",
    "stripe.share_percent = 101",
    "stripe.reconcile = \"hourly\"",
    "stripe.fetch = \"always\"",
    "stripe.api_base = \"http://api.stripe.com\"",
    "stripe.api_base = \"https://api.stripe.com/v1\"",
    "stripe.key = \"sk_test_1\"",
    "user_id_keys = \"uid\"",
    "user_id_keys = [\"\"]",
    "user_id_keys = [\"a_key_that_is_longer_than_stripe_allows_it\"]",
    "connected_accounts = [\"shop\"]",
    "connected_accounts = [1]",
    "allowed_origins = [\"*\"]",
    "allowed_origins = [\"https://a.example/\"]",
    "allowed_origins = [\"https://A.example\"]",
    "jwks_url = \"issuer\"",
    "jwks_url = \"https://issuer.example.com/jwks.json\"",
    "jwks_url = \"https://issuer.example.com/jwks.json\"\nissuer = [\"a\"]",
    "jwks_url = \"https://issuer.example.com/jwks.json\"\naudience = [\"a\"]",
    "jwks_url = \"http://issuer.example.com/keys\"\nissuer = [\"a\"]\naudience = [\"b\"]",
    "issuer = \"a\"",
    "issuer = [1]",
    "audience = [\" \"]",
    "account_claims = \"sub\"",
    "account_claims = []",
    "account_claims = [\"sub\", \" \"]",
    "account_claims = [\"sub\", 1]",
    "session_max_age_days = 0",
    "session_max_age_days = 367",
    "session_max_age_days = \"30\"",
    "authorize = \"token\"",
    "authorize.cookie = \"\"",
    "authorize.cookie = \"a b\"",
    "authorize.cookies = \"token\"",
    "plans.pass = 30",
    "plans.pass = {}",
    "plans.pass = { days = 30 }",
    "plans.pass = { role = 1 }",
    "plans.pass = { role = \"paid\", day = 30 }",
    "plans.pass = { role = \"paid\", days = 0 }",
    "plans.pass = { role = \"paid\", days = -1 }",
    "plans.pass = { role = \"paid\", days = 36501 }",
    "plans.pass = { role = \"paid\", days = \"30\" }",
    "features = [\"export\"]",
    "features.paid = \"export\"",
    "features.paid = [1]",
    "features.paid = [\"\"]",
    "policy.past_due = \"kep\"",
    "policy.grace_days = 91",
    "policy.grace_days = -1",
    "policy.grace_days = 1.5",
    "policy.unmapped_prices = \"park\"",
    "policy.ignore_prices = \"price_x\"",
    "policy.ignore_prices = [1]",
    "policy.pause_collection = true",
    "policy.pause_collection = \"kep\"",
    "policy.pause_collection = { void = \"kep\" }",
    "policy.pause_collection = { voided = \"keep\" }",
    "policy.refund = \"revoke_when_lost\"",
    "policy.dispute = \"lost\"",
    "policy.stack = \"extend\"",
    "purchases = \"keep\"",
    "purchases.refund = \"revoke_when_lost\"",
    "purchases.dispute = true",
    "purchases.stack = \"add\"",
];

#[test]
fn the_schema_and_the_program_agree() {
    let example = std::fs::read_to_string(repository().join("tierlift.example.toml")).unwrap();
    check(&example, true);
    let with_plan = |text| format!("plans.price_pro = \"paid\"\n{text}");
    for text in VALID {
        check(&with_plan(text), true);
    }
    for text in INVALID {
        check(&with_plan(text), false);
    }
}

fn check(text: &str, is_valid: bool) {
    assert_eq!(Config::parse("t.toml", text).is_ok(), is_valid, "the program: {text}");
    let document: Value = toml::from_str(text).unwrap();
    let errors = errors(&schema(), &document);
    assert_eq!(errors.is_empty(), is_valid, "the schema: {text}\n{errors:?}");
}

/// Checks a document against the part of JSON Schema that this schema uses.
fn errors(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, rule) in schema.as_object().unwrap() {
        let ok = match keyword.as_str() {
            "type" => has_type(rule.as_str().unwrap(), value),
            "enum" => rule.as_array().unwrap().contains(value),
            "const" => rule == value,
            "anyOf" => rule.as_array().unwrap().iter().any(|rule| errors(rule, value).is_empty()),
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
