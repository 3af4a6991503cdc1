//! `docs/reference/tierlift.schema.json`: a JSON Schema of `tierlift.toml`, with which editors complete
//! and check it. Rules between keys, such as a plan's role being one of `roles`, are the program's.

mod agreement;

use serde_json::{Value, json};
use tierlift_core::{
    config::{Fetch, Reconcile, StripeConfig},
    limits::{
        ACCOUNT_CLAIMS_MAX, FEATURE_NAME_BYTES_MAX, FEATURES_MAX, GRACE_DAYS_MAX,
        METADATA_KEY_BYTES_MAX, PLAN_DAYS_MAX, ROLE_NAME_BYTES_MAX, ROLES_MAX,
        SESSION_DAYS_DEFAULT, SESSION_DAYS_MAX, STALE_OK_SECS_MAX,
    },
    policy::{
        Access, OPERATOR, OnDispute, PastDue, PauseCollection, PolicyConfig, Stack, UnmappedPrice,
    },
};

use crate::config::{
    AUTHORIZE_KEYS, PAUSE_COLLECTION_KEYS, PLAN_KEYS, POLICY_KEYS, PURCHASES_KEYS, ROOT_KEYS,
    STRIPE_KEYS, WEBHOOKS_OUT_KEYS,
};

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
            "user_id_keys": {
                "description": "Keys of Stripe's metadata under which the host stores the id of its \
                                user, best first.",
                "type": "array",
                "items": { "type": "string", "minLength": 1, "maxLength": METADATA_KEY_BYTES_MAX },
                "default": default.user_id_keys,
            },
            "connected_accounts": {
                "description": "Connected accounts whose events count.",
                "type": "array",
                "items": { "type": "string", "pattern": "^acct_" },
                "default": default.connected_accounts,
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
                "pattern": SAFE_URL,
            },
            "issuer": texts("Values of `iss`, one of which a token must have."),
            "audience": texts(
                "Values of `aud`, one of which a token must have; `azp` or `client_id` of a token without \
                 `aud`.",
            ),
            "account_claims": account_claims(),
            "session_max_age_days": session_max_age_days(),
            "stale_ok_seconds": stale_ok_seconds(),
            "authorize": authorize(),
            "plans": plans(),
            "features": features(),
            "policy": policy(&default),
            "purchases": purchases(&default),
            "stripe": stripe(),
            "webhooks_out": webhooks_out(),
        },
        "dependentRequired": { "jwks_url": ["issuer", "audience"] },
    })
}

/// Addresses with TLS, or on this machine.
const SAFE_URL: &str = "^https://[^/]|^http://(localhost|127\\.[0-9.]+|\\[::1\\])(:[0-9]+)?(/|$)";

fn stale_ok_seconds() -> Value {
    json!({
        "description": "Seconds for which the last-known role is answered while the data file cannot be read.",
        "type": "integer",
        "minimum": 0,
        "maximum": STALE_OK_SECS_MAX,
        "default": 0,
    })
}

fn account_claims() -> Value {
    json!({
        "description": "The claims that name the accounts for which a token speaks: `sub`, and others for \
                        organisations.",
        "type": "array",
        "items": { "type": "string", "pattern": "\\S" },
        "minItems": 1,
        "maxItems": ACCOUNT_CLAIMS_MAX,
        "uniqueItems": true,
        "default": ["sub"],
    })
}

fn session_max_age_days() -> Value {
    json!({
        "description": "Days after the sign-in at which a session ends, however often its token is refreshed.",
        "type": "integer",
        "minimum": 1,
        "maximum": SESSION_DAYS_MAX,
        "default": SESSION_DAYS_DEFAULT,
    })
}

fn authorize() -> Value {
    json!({
        "description": "What GET /authorize reads, with which a proxy guards the routes behind it.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "cookie": {
                "description": "The cookie that has the access token of a request without a bearer token.",
                "type": "string",
                "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
            },
        },
    })
}

fn webhooks_out() -> Value {
    json!({
        "description": "Webhooks to the host, signed with TIERLIFT_WEBHOOKS_OUT_SECRET.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "url": {
                "description": "Address at which the host takes them.",
                "type": "string",
                "pattern": SAFE_URL,
            },
        },
    })
}

fn texts(description: &str) -> Value {
    json!({
        "description": description,
        "type": "array",
        "items": { "type": "string", "pattern": "\\S" },
        "minItems": 1,
    })
}

fn plans() -> Value {
    json!({
        "description": "The role that each price id, product id, lookup key, payment link id or name \
                        of a plan earns.",
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {
            "anyOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["role"],
                    "properties": {
                        "role": { "description": "The role.", "type": "string" },
                        "days": {
                            "description": "Days for which a purchase lasts; without them it is \
                                            permanent.",
                            "type": "integer",
                            "minimum": 1,
                            "maximum": PLAN_DAYS_MAX,
                        },
                    },
                },
            ],
        },
    })
}

fn features() -> Value {
    json!({
        "description": "The features of each role. A role also has those of all roles below it.",
        "type": "object",
        "additionalProperties": {
            "type": "array",
            "items": { "type": "string", "minLength": 1, "maxLength": FEATURE_NAME_BYTES_MAX },
            "maxItems": FEATURES_MAX,
        },
        "default": {},
    })
}

fn policy(default: &PolicyConfig) -> Value {
    json!({
        "description": "What events mean for the role that a subscription earns.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "past_due": {
                "description": "Whether a past-due subscription keeps its role during the days of \
                                grace.",
                "type": "string",
                "enum": words(PastDue::ALL, PastDue::as_str),
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
                "enum": words(UnmappedPrice::ALL, UnmappedPrice::as_str),
                "default": default.unmapped_price.as_str(),
            },
            "ignore_prices": {
                "description": "Prices, products and lookup keys that have nothing to do with roles.",
                "type": "array",
                "items": { "type": "string" },
                "default": default.ignore_prices,
            },
            "pause_collection": pause_collection(default.pause_collection),
            "refund": access(
                "Whether a subscription keeps its role when its latest paid invoice is refunded.",
                default.subscription_reversal.refund,
            ),
            "dispute": dispute(
                "Whether a subscription keeps its role when its latest paid invoice is disputed.",
                default.subscription_reversal.dispute,
            ),
        },
    })
}

fn pause_collection(default: PauseCollection) -> Value {
    let of_behavior = |what: &str, default| {
        access(&format!("Whether it keeps its role while invoices are {what}."), default)
    };
    json!({
        "description": "Whether a subscription whose collection is paused keeps its role.",
        "anyOf": [
            { "type": "string", "enum": words(Access::ALL, Access::as_str) },
            {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "keep_as_draft": of_behavior("kept as drafts", Access::Keep),
                    "mark_uncollectible": of_behavior("marked uncollectible", Access::Keep),
                    "void": of_behavior("voided", Access::Keep),
                },
            },
        ],
        "default": default.void.as_str(),
    })
}

fn purchases(default: &PolicyConfig) -> Value {
    json!({
        "description": "What events mean for the role that a purchase earns.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "refund": access(
                "Whether a purchase keeps its role when it is refunded.",
                default.purchase_reversal.refund,
            ),
            "dispute": dispute(
                "Whether a purchase keeps its role when it is disputed.",
                default.purchase_reversal.dispute,
            ),
            "stack": {
                "description": "How several purchases of a role for some days add up.",
                "type": "string",
                "enum": words(Stack::ALL, Stack::as_str),
                "default": default.stack.as_str(),
            },
        },
    })
}

fn stripe() -> Value {
    let default = StripeConfig::default();
    json!({
        "description": "How Stripe's API is asked, where STRIPE_API_KEY is set.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "api_base": {
                "description": "Scheme and host of Stripe's API, or of a stand-in on this machine.",
                "type": "string",
                "pattern": API_BASE,
                "default": default.api_base.as_str(),
            },
            "share_percent": {
                "description": "The part of Stripe's rate limits to use, in percent.",
                "type": "integer",
                "minimum": 1,
                "maximum": 100,
                "default": default.share_percent,
            },
            "reconcile": {
                "description": "Whether a server compares by itself what it has stored with what Stripe lists.",
                "type": "string",
                "enum": words(Reconcile::ALL, Reconcile::as_str),
                "default": default.reconcile.as_str(),
            },
            "fetch": {
                "description": "When a server asks about one customer.",
                "type": "string",
                "enum": words(Fetch::ALL, Fetch::as_str),
                "default": default.fetch.as_str(),
            },
        },
    })
}

/// Hosts with TLS, or on this machine.
const API_BASE: &str =
    "^(https://[^/?#@\\s]+|http://(localhost|127\\.[0-9.]+|\\[::1\\])(:[0-9]+)?)/?$";

fn access(description: &str, default: Access) -> Value {
    json!({
        "description": description,
        "type": "string",
        "enum": words(Access::ALL, Access::as_str),
        "default": default.as_str(),
    })
}

fn dispute(description: &str, default: OnDispute) -> Value {
    json!({
        "description": description,
        "type": "string",
        "enum": words(OnDispute::ALL, OnDispute::as_str),
        "default": default.as_str(),
    })
}

fn words<T: Copy>(all: &[T], as_str: fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().copied().map(as_str).collect()
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
    assert_eq!(keys("/properties/authorize/properties"), sorted(AUTHORIZE_KEYS));
    let plan = "/properties/plans/additionalProperties/anyOf/1/properties";
    assert_eq!(keys(plan), sorted(PLAN_KEYS));
    assert_eq!(keys("/properties/policy/properties"), sorted(POLICY_KEYS));
    let pause_collection = "/properties/policy/properties/pause_collection/anyOf/1/properties";
    assert_eq!(keys(pause_collection), sorted(PAUSE_COLLECTION_KEYS));
    assert_eq!(keys("/properties/purchases/properties"), sorted(PURCHASES_KEYS));
    assert_eq!(keys("/properties/stripe/properties"), sorted(STRIPE_KEYS));
    assert_eq!(keys("/properties/webhooks_out/properties"), sorted(WEBHOOKS_OUT_KEYS));
}
