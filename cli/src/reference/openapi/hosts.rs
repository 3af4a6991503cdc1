//! The routes for hosts that are other programs, and for proxies.

mod changes;
mod grants;

use serde_json::{Value, json};
use tierlift_core::{
    codes::Code,
    limits::{CHANGES_WAIT_SECS_MAX, USERS_PER_BATCH_MAX},
};

pub(in super::super) use changes::{change, webhook_body};

use super::{Refusals, TOKEN_UNCHECKED, bearer, operation, reference, response, with};

/// What marks an answer that is older than now.
pub(super) const AS_OF: &str = "Date-time at which the account was last read right: only while the store is unavailable and \
                     stale_ok_seconds allows it";

const SERVICE: &[Code] = &[Code::ServiceTokenMissing, Code::ServiceTokenInvalid];
const STORE: &[Code] = &[Code::StoreUnavailable, Code::StoreCorrupt, Code::SecretsUnavailable];
const AUTHORIZE: Refusals = &[
    (400, &[Code::QueryInvalid, Code::RoleUnknown]),
    (
        401,
        &[
            Code::TokenMissing,
            Code::TokenInvalid,
            Code::TokenExpired,
            Code::TokenRevoked,
            Code::TokenSessionExpired,
        ],
    ),
    (403, &[Code::RoleRequired, Code::FeatureRequired]),
    (503, TOKEN_UNCHECKED),
];
const USER: Refusals = &[
    (400, &[Code::UserInvalid, Code::QueryInvalid]),
    (401, SERVICE),
    (408, &[Code::RequestTimeout]),
    (503, STORE),
];
const BODY: Refusals = &[
    (400, &[Code::UserInvalid, Code::BodyInvalid, Code::BodyIncomplete]),
    (401, SERVICE),
    (408, &[Code::RequestTimeout]),
    (413, &[Code::BodyTooLarge]),
    (503, STORE),
];
const CHECKED_SIGN_IN: Refusals = &[(409, &[Code::TokenSessionExpired, Code::TokenRevoked])];
const SIGN_IN: Refusals =
    &[(409, &[Code::TokenSessionExpired, Code::TokenRevoked, Code::RefreshUnavailable])];
const GRANT: Refusals =
    &[(400, &[Code::RoleUnknown]), (409, &[Code::GrantConflict, Code::GrantsExhausted])];
const WITHDRAW: Refusals = &[(404, &[Code::GrantMissing])];
const CHANGES: Refusals = &[
    (400, &[Code::QueryInvalid]),
    (401, SERVICE),
    (408, &[Code::RequestTimeout]),
    (410, &[Code::CursorExpired]),
    (503, STORE),
];
const KEY_SET: Refusals = &[(408, &[Code::RequestTimeout]), (503, &[Code::SecretsUnavailable])];
/// All of them, for the test that compares them with the protocol.
#[cfg(test)]
pub(super) const ALL: &[Refusals] =
    &[AUTHORIZE, USER, CHECKED_SIGN_IN, BODY, SIGN_IN, GRANT, WITHDRAW, CHANGES, KEY_SET];

fn service(operation: Value) -> Value {
    with(operation, "security", json!([{ "service": [] }]))
}

fn parameter(name: &str, place: &str, description: &str) -> Value {
    json!({
        "name": name,
        "in": place,
        "required": place == "path",
        "description": description,
        "schema": { "type": "string", "minLength": 1 },
    })
}

fn body(schema: &str) -> Value {
    json!({ "required": true, "content": { "application/json": { "schema": reference(schema) } } })
}

pub(super) fn authorize() -> Value {
    let header =
        |description: &str| json!({ "description": description, "schema": { "type": "string" } });
    let success = json!({
        "description": "The request may pass",
        "headers": {
            "X-Tierlift-User": header("The user's id, percent-encoded where it is not visible ASCII"),
            "X-Tierlift-Role": header("The effective role"),
            "X-Tierlift-Account": header("The account that gives the role, of a token that speaks for several"),
            "X-Tierlift-Revocation-Id": header("Number of role changes so far"),
            "X-Tierlift-As-Of": header(AS_OF),
        },
    });
    let summary = "Get whether a proxy may let the token's user pass";
    let asked = json!([
        parameter("role", "query", "The lowest role that may pass"),
        parameter("feature", "query", "The feature that is needed"),
    ]);
    with(bearer(operation("authorize", summary, (204, success), AUTHORIZE)), "parameters", asked)
}

pub(super) fn user() -> Value {
    let mut success = response("The session", "application/json", &reference("User"));
    let refusals: Vec<_> = [USER, CHECKED_SIGN_IN].concat();
    success["headers"] = as_of();
    success["headers"]["ETag"] = json!({ "schema": { "type": "string" } });
    let mut operation =
        service(operation("getUser", "Get the session of a user", (200, success), &refusals));
    operation["responses"]["304"] = json!({ "description": "It is what If-None-Match lists" });
    let id = parameter("id", "path", "The host's id of the user");
    let tag = json!({ "name": "If-None-Match", "in": "header", "schema": { "type": "string" } });
    let account = json!({
        "name": "account",
        "in": "query",
        "description": "Accounts beside the user's own, such as their organisation's",
        "schema": { "type": "array", "items": { "type": "string", "minLength": 1 } },
    });
    let auth_time = json!({
        "name": "authTime",
        "in": "query",
        "description": "Unix seconds at which the user signed in at the host: refused, if that counts no more",
        "schema": { "type": "integer" },
    });
    with(operation, "parameters", json!([id, account, auth_time, tag]))
}

/// The header of an answer that is older than now.
fn as_of() -> Value {
    json!({ "X-Tierlift-As-Of": { "description": AS_OF, "schema": { "type": "string" } } })
}

pub(super) fn batch() -> Value {
    let mut success = response("Their sessions, in order", "application/json", &reference("Users"));
    success["headers"] = as_of();
    let operation = operation("getUsers", "Get the sessions of users", (200, success), BODY);
    with(service(operation), "requestBody", body("UserIds"))
}

pub(super) fn token() -> Value {
    let success = response("A token", "application/json", &reference("Refreshed"));
    let summary = "Issue a token for a user whom the host has signed in";
    let refusals: Vec<_> = [BODY, SIGN_IN].concat();
    let operation = operation("issueToken", summary, (200, success), &refusals);
    with(service(operation), "requestBody", body("SignIn"))
}

pub(super) fn grant() -> Value {
    let success = response("The grant", "application/json", &reference("Grant"));
    let refusals: Vec<_> = [BODY, GRANT].concat();
    let summary = "Grant a user a role that they earned elsewhere, once for each id";
    let operation = operation("createGrant", summary, (200, success), &refusals);
    with(service(operation), "requestBody", body("GrantRequest"))
}

pub(super) fn withdraw() -> Value {
    let success = response("The grant", "application/json", &reference("Grant"));
    let refusals: Vec<_> = [BODY, WITHDRAW].concat();
    let summary = "Withdraw what the service granted";
    let operation = operation("withdrawGrant", summary, (200, success), &refusals);
    with(service(operation), "requestBody", body("Withdrawal"))
}

pub(super) fn key_set() -> Value {
    let keys = response("The keys (RFC 7517)", "application/json", &reference("KeySet"));
    let summary = "Get the keys with which tokens can be checked offline";
    operation("getKeySet", summary, (200, keys), KEY_SET)
}

pub(super) fn changes() -> Value {
    let success =
        response("Changes in the order of commits", "application/json", &reference("Changes"));
    let operation = operation("getChanges", "Follow what changes", (200, success), CHANGES);
    let wait = json!({
        "name": "wait",
        "in": "query",
        "description": "Seconds to wait for a change if there is none",
        "schema": { "type": "integer", "minimum": 0, "maximum": CHANGES_WAIT_SECS_MAX },
    });
    let after = parameter("after", "query", "The cursor of an earlier answer, or latest");
    with(service(operation), "parameters", json!([after, wait]))
}

/// What is posted to the host.
pub(super) fn webhooks() -> Value {
    json!({ "change": { "post": changes::webhook() } })
}

/// The schemas of their bodies.
pub(super) fn schemas() -> Value {
    let mut schemas = bodies();
    for more in [grants::schemas(), changes::schemas()] {
        if let (Value::Object(all), Value::Object(more)) = (&mut schemas, more) {
            all.extend(more);
        }
    }
    schemas
}

fn bodies() -> Value {
    json!({
        "UserIds": {
            "type": "object",
            "required": ["userIds"],
            "additionalProperties": false,
            "properties": {
                "userIds": {
                    "type": "array",
                    "items": { "type": "string", "minLength": 1 },
                    "maxItems": USERS_PER_BATCH_MAX,
                },
            },
        },
        "Users": {
            "type": "object",
            "required": ["users"],
            "properties": { "users": { "type": "array", "items": reference("User") } },
        },
        "KeySet": {
            "type": "object",
            "required": ["keys"],
            "properties": {
                "keys": {
                    "type": "array",
                    "description": "The key that signs first; empty, if none is configured",
                    "items": {
                        "type": "object",
                        "required": ["kty", "crv", "x", "kid", "alg", "use"],
                        "properties": {
                            "kty": { "const": "OKP" },
                            "crv": { "const": "Ed25519" },
                            "x": { "type": "string" },
                            "kid": { "type": "string", "description": "Its thumbprint (RFC 7638)" },
                            "alg": { "const": "EdDSA" },
                            "use": { "const": "sig" },
                        },
                    },
                },
            },
        },
        "SignIn": {
            "type": "object",
            "required": ["userId"],
            "additionalProperties": false,
            "properties": {
                "userId": { "type": "string", "minLength": 1 },
                "authTime": {
                    "type": "integer",
                    "description": "Unix seconds at which the user signed in; now, if it is left out",
                },
                "claims": { "type": "object", "description": "Claims of the host's for the token" },
            },
        },
    })
}
