//! `docs/reference/openapi.json`: the public routes as OpenAPI 3.1, with every code that they refuse
//! with. The schemas are in `openapi/schemas.rs`.

mod hosts;
mod schemas;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::{Map, Value, json};
use tierlift_core::codes::{Code, PAGES_PATH};

use super::repository;

pub(super) use hosts::{change, webhook_body};
pub(super) use schemas::{members, object, session_object};

/// Statuses and the codes with which a route refuses.
type Refusals = &'static [Refused];
type Refused = (u16, &'static [Code]);

const TOKEN_REFUSED: &[Code] = &[
    Code::TokenMissing,
    Code::TokenInvalid,
    Code::TokenExpired,
    Code::TokenStale,
    Code::TokenRevoked,
    Code::TokenSessionExpired,
];
const TOKEN_UNCHECKED: &[Code] = &[
    Code::StoreUnavailable,
    Code::StoreCorrupt,
    Code::SecretsUnavailable,
    Code::KeySetUnavailable,
];
const TOKEN: Refusals = &[(401, TOKEN_REFUSED), (503, TOKEN_UNCHECKED)];
const REFRESH: Refusals = &[
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
    (409, &[Code::RefreshUnavailable]),
    (503, TOKEN_UNCHECKED),
];
const WEBHOOK: Refusals = &[
    (
        400,
        &[
            Code::SignatureMissing,
            Code::SignatureMalformed,
            Code::SignatureNoV1,
            Code::SignatureMismatch,
            Code::SignatureExpired,
            Code::SignatureFuture,
            Code::PayloadMalformed,
            Code::BodyIncomplete,
        ],
    ),
    (408, &[Code::BodyTimeout]),
    (413, &[Code::BodyTooLarge]),
    (415, &[Code::ContentTypeUnsupported]),
    (503, &[Code::QueueUnavailable, Code::SecretsUnavailable]),
];
const SOCKET: Refusals = &[
    (400, &[Code::SubprotocolRequired]),
    (401, TOKEN_REFUSED),
    (403, &[Code::OriginRefused]),
    (426, &[Code::UpgradeRequired]),
    (
        503,
        &[
            Code::SocketsExhausted,
            Code::StoreUnavailable,
            Code::StoreCorrupt,
            Code::SecretsUnavailable,
            Code::KeySetUnavailable,
        ],
    ),
];
const CONFIRM: Refusals = &[
    (400, &[Code::BodyIncomplete, Code::BodyInvalid]),
    (401, TOKEN_REFUSED),
    (403, &[Code::CheckoutForeign]),
    (404, &[Code::CheckoutNotFound]),
    (408, &[Code::RequestTimeout]),
    (409, &[Code::CheckoutUnpaid]),
    (413, &[Code::BodyTooLarge]),
    (429, &[Code::CheckoutRateLimited]),
    (503, TOKEN_UNCHECKED),
];
const QUEUE: Refusals = &[(503, &[Code::QueueUnavailable])];
const READY: Refusals =
    &[(503, &[Code::DataMoved, Code::QueueUnavailable, Code::DiskFull, Code::QueueStalled])];
const PAGE: Refusals = &[(404, &[Code::RouteNotFound])];
/// Those of every route.
const ANY: Refusals =
    &[(400, &[Code::HostInvalid]), (403, &[Code::HostRefused]), (503, &[Code::ServerOverloaded])];

fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "tierlift",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
            "description": "Public routes of a tierlift server. Frames and tokens are described in \
                            docs/protocol.md.",
        },
        "paths": {
            "/webhooks/stripe": { "post": webhook() },
            "/session": { "get": session() },
            "/session/confirm": { "post": confirm() },
            "/session/refresh": { "post": refresh() },
            "/ws": { "get": socket() },
            "/healthz": { "get": health() },
            "/readyz": { "get": ready() },
            "/metrics": { "get": metrics() },
            (format!("{PAGES_PATH}{{code}}")): { "get": page() },
            "/openapi.json": { "get": description() },
            "/.well-known/jwks.json": { "get": hosts::key_set() },
            "/authorize": { "get": hosts::authorize() },
            "/v1/users/{id}": { "get": hosts::user() },
            "/v1/users:batch": { "post": hosts::batch() },
            "/v1/grants": { "post": hosts::grant() },
            "/v1/grants:withdraw": { "post": hosts::withdraw() },
            "/v1/changes": { "get": hosts::changes() },
            "/v1/tokens": { "post": hosts::token() },
        },
        "webhooks": hosts::webhooks(),
        "components": schemas::components(),
    })
}

/// An operation. `success` is its successful response with its status.
fn operation(id: &str, summary: &str, success: (u16, Value), refusals: &[Refused]) -> Value {
    let mut responses = Map::new();
    responses.insert(success.0.to_string(), success.1);
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for (status, codes) in refusals.iter().chain(ANY) {
        by_status.entry(*status).or_default().extend(*codes);
    }
    for (status, codes) in by_status {
        responses.insert(status.to_string(), refusal(&codes));
    }
    json!({ "operationId": id, "summary": summary, "responses": responses })
}

fn refusal(codes: &[Code]) -> Value {
    json!({
        "description": "Refused",
        "content": { "application/problem+json": { "schema": {
            "allOf": [
                { "$ref": "#/components/schemas/Problem" },
                { "properties": { "code": { "enum": codes } } },
            ],
        } } },
    })
}

fn response(description: &str, media_type: &str, schema: &Value) -> Value {
    json!({ "description": description, "content": { (media_type): { "schema": schema } } })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn with(mut operation: Value, key: &str, value: Value) -> Value {
    if let Some(operation) = operation.as_object_mut() {
        operation.insert(key.to_owned(), value);
    }
    operation
}

fn webhook() -> Value {
    let success = response("Queued, or of no interest", "application/json", &reference("Accepted"));
    let summary = "Receive a Stripe webhook";
    let operation = operation("receiveWebhook", summary, (200, success), WEBHOOK);
    let header = json!([{
        "name": "Stripe-Signature",
        "in": "header",
        "required": true,
        "schema": { "type": "string" },
    }]);
    let body = json!({
        "required": true,
        "description": "An event, as the bytes that Stripe signed",
        "content": { "application/json": { "schema": { "type": "object" } } },
    });
    with(with(operation, "parameters", header), "requestBody", body)
}

fn session() -> Value {
    let success = response("The session", "application/json", &reference("Session"));
    let summary = "Get the role and subscription of the token's user";
    let seen = |name: &str| {
        json!({
            "name": name,
            "in": "query",
            "description": "What the client has seen already, if an answer was behind that",
            "schema": { "type": "integer", "minimum": 0 },
        })
    };
    let seen = json!(["epoch", "revocationId", "accountVersion"].map(seen));
    with(bearer(operation("getSession", summary, (200, success), TOKEN)), "parameters", seen)
}

fn confirm() -> Value {
    let success = response("The session", "application/json", &reference("Session"));
    let summary = "Get the session on the page that a checkout returns to";
    let body = json!({
        "required": true,
        "content": { "application/json": { "schema": {
            "type": "object",
            "required": ["checkoutSessionId"],
            "properties": { "checkoutSessionId": { "type": "string", "pattern": "^cs_[A-Za-z0-9_]+$" } },
        } } },
    });
    let operation = bearer(operation("confirmCheckout", summary, (200, success), CONFIRM));
    with(operation, "requestBody", body)
}

fn refresh() -> Value {
    let success = response("A fresh token", "application/json", &reference("Refreshed"));
    let summary = "Exchange a token, which may be stale, for a fresh one";
    bearer(operation("refreshSession", summary, (200, success), REFRESH))
}

fn bearer(operation: Value) -> Value {
    with(operation, "security", json!([{ "bearer": [] }]))
}

fn socket() -> Value {
    let success = json!({ "description": "Switched to WebSocket, subprotocol tierlift.v1" });
    let operation = operation("openSocket", "Open a WebSocket", (101, success), SOCKET);
    let header = json!([{
        "name": "Sec-WebSocket-Protocol",
        "in": "header",
        "required": true,
        "description": "tierlift.v1, and the access token as bearer.<jwt>",
        "schema": { "type": "string" },
    }]);
    with(operation, "parameters", header)
}

fn health() -> Value {
    let success = response("Running", "application/json", &reference("Health"));
    operation("getHealth", "Get the depth of the queue", (200, success), QUEUE)
}

fn ready() -> Value {
    let success = response("Events are applied", "application/json", &reference("Readiness"));
    operation("getReadiness", "Get whether events are applied", (200, success), READY)
}

fn metrics() -> Value {
    let success = response("Prometheus text", "text/plain", &json!({ "type": "string" }));
    operation("getMetrics", "Get metrics", (200, success), QUEUE)
}

fn description() -> Value {
    let success = response("This document", "application/json", &json!({ "type": "object" }));
    operation("getDescription", "Describe the routes", (200, success), &[])
}

fn page() -> Value {
    let success = response("The page", "text/markdown", &json!({ "type": "string" }));
    let operation = operation("getCode", "Explain a code", (200, success), PAGE);
    let path = json!([{
        "name": "code",
        "in": "path",
        "required": true,
        "schema": { "enum": Code::ALL },
    }]);
    with(operation, "parameters", path)
}

#[test]
fn the_openapi_document_is_up_to_date() {
    super::check("openapi.json", &super::json(&document()));
}

/// A route that is added or removed without a change here fails this.
#[test]
fn exactly_the_routes_in_the_code_are_described() {
    // The one route whose path is not a literal.
    let mut routes = BTreeSet::from([format!("{PAGES_PATH}{{code}}")]);
    for package in ["ingest", "session", "embedded"] {
        collect_routes(&repository().join(package).join("src"), &mut routes);
    }
    let document = document();
    let described: BTreeSet<_> = document["paths"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(described, routes);
}

/// Collects the literal paths of all calls of `.route` outside of tests and comments.
fn collect_routes(folder: &Path, routes: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // The operators' routes are not public: docs/reference/operations.md describes them.
        if path.ends_with("operations") {
            continue;
        }
        if path.is_dir() {
            collect_routes(&path, routes);
        } else if !path.to_string_lossy().ends_with("tests.rs") {
            let source = fs::read_to_string(&path).unwrap();
            let code = source.split("#[cfg(test)]").next().unwrap_or_default();
            let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            let calls = lines.flat_map(|line| line.split(".route(\"").skip(1));
            routes.extend(calls.filter_map(|call| Some(call.split_once('"')?.0.to_owned())));
        }
    }
}

/// The protocol's table for people and this document say the same.
#[test]
fn every_refusal_is_in_the_protocol() {
    let protocol = fs::read_to_string(repository().join("docs/protocol.md")).unwrap();
    let own = [TOKEN, REFRESH, WEBHOOK, SOCKET, QUEUE, READY, PAGE, ANY].concat();
    for (status, codes) in [own, hosts::ALL.concat()].concat() {
        for code in codes {
            assert!(code.is_problem(), "{code}");
            let (start, text) = (format!("| {status} |"), format!("`{code}`"));
            let is_listed = |line: &str| line.starts_with(&start) && line.contains(&text);
            assert!(protocol.lines().any(is_listed), "{status} {code} is not in docs/protocol.md");
        }
    }
}
