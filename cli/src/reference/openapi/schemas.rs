//! The schemas of requests and responses, held to the types that the routes serialize.

use serde_json::{Value, json};
use tierlift_core::codes::Code;

pub(super) fn components() -> Value {
    let mut components = json!({
        "securitySchemes": {
            "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
            "service": {
                "type": "http",
                "scheme": "bearer",
                "description": "One of TIERLIFT_SERVICE_TOKENS",
            },
        },
        "schemas": {
            "Accepted": {
                "type": "object",
                "required": ["status"],
                "properties": {
                    "status": { "enum": ["accepted", "ignored"] },
                    "reason": {
                        "type": "string",
                        "pattern": "^[a-z_]+$",
                        "description": "One word, if it is ignored",
                    },
                },
            },
            "Session": session_object(),
            "User": user_object(),
            "Refreshed": object(&json!({
                "accessToken": { "type": "string", "description": "JWT for the current role" },
                "expiresIn": { "type": "integer", "description": "Lifetime in seconds" },
                "user": { "$ref": "#/components/schemas/Session" },
            })),
            "Health": object(&json!({
                "status": { "const": "ok" },
                "queue": object(&json!({
                    "queued": count("Messages that are not applied yet"),
                    "dead": count("Dead letters"),
                    "oldestAgeSeconds": {
                        "type": "number",
                        "minimum": 0,
                        "description": "Age of the oldest message that is not applied yet",
                    },
                })),
            })),
            "Readiness": object(&json!({ "status": { "const": "ready" } })),
            "Problem": problem(),
        },
    });
    if let (Value::Object(all), Value::Object(more)) =
        (&mut components["schemas"], super::hosts::schemas())
    {
        all.extend(more);
    }
    components
}

/// An object all of whose properties are always there.
pub(in super::super) fn object(properties: &Value) -> Value {
    let required: Vec<_> = properties.as_object().into_iter().flat_map(|map| map.keys()).collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

fn count(description: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "description": description })
}

fn time(description: &str) -> Value {
    json!({ "type": ["string", "null"], "format": "date-time", "description": description })
}

/// The session. What is only of a token for several accounts may be missing.
pub(in super::super) fn session_object() -> Value {
    let mut object = object(&session());
    if let (Some(properties), Value::Object(more)) =
        (object["properties"].as_object_mut(), members())
    {
        properties.extend(more);
    }
    object
}

/// A session, perhaps of an earlier time.
fn user_object() -> Value {
    let mut object = session_object();
    object["properties"]["asOf"] = json!({
        "type": "string",
        "format": "date-time",
        "description": super::hosts::AS_OF,
    });
    object
}

pub(in super::super) fn members() -> Value {
    json!({
        "accountId": {
            "type": "string",
            "description": "The account that gives the role, of a token that speaks for several",
        },
        "accounts": {
            "type": "array",
            "items": { "type": "string" },
            "minItems": 2,
            "uniqueItems": true,
            "description": "All accounts of such a token, the user's own first",
        },
    })
}

pub(super) fn session() -> Value {
    json!({
        "userId": { "type": "string" },
        "role": { "type": "string", "description": "Effective role, expiry and grace included" },
        "features": {
            "type": "array",
            "items": { "type": "string" },
            "uniqueItems": true,
            "description": "Features of the role, and those by Stripe's entitlements",
        },
        "status": {
            "type": ["string", "null"],
            "description": "Stripe's status of the subscription that is shown",
        },
        "subscriptionActive": {
            "type": "boolean",
            "description": "Whether some subscription or purchase gives access",
        },
        "subscriptionExpiresAt": time("End of what is paid for of the best one"),
        "trialEndsAt": time("End of the trial, while the subscription is in one"),
        "cancelAt": time("Time at which the subscription will be canceled"),
        "pastDueSince": time("Time at which the subscription became past due, while it is"),
        "roleAssignedAt": time("Time of the latest role change"),
        "roles": {
            "type": "array",
            "items": { "type": "string" },
            "uniqueItems": true,
            "description": "Roles of the policy, lowest first",
        },
        "epoch": count("Unix seconds at which the two counters below restarted; 0 at first"),
        "revocationId": count("Number of role changes so far"),
        "accountVersion": count("Number of commits of the account so far"),
    })
}

fn problem() -> Value {
    let codes: Vec<_> = Code::ALL.iter().filter(|code| code.is_problem()).collect();
    let mut problem = object(&json!({
        "type": { "type": "string", "format": "uri-reference", "description": "Path of the code's page" },
        "title": { "type": "string", "description": "Reason phrase of the status" },
        "status": { "type": "integer" },
        "code": { "enum": codes, "description": "For programs; never changes its meaning" },
        "detail": { "type": "string", "description": "For people" },
    }));
    problem["description"] = json!("A refusal (RFC 9457)");
    problem
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tierlift_core::{
        account::Account,
        accounts::Accounts,
        id::UserId,
        policy::{Policy, PolicyConfig, Role},
        service_grant::ServiceGrant,
        time::Timestamp,
        wire::{grant::GrantView, problem, session::Session},
    };

    use super::*;

    fn check(schema: &str, value: &Value) {
        let components = components();
        let properties = &components["schemas"][schema]["properties"];
        let described: BTreeMap<_, _> = properties.as_object().unwrap().iter().collect();
        let sent: BTreeMap<_, _> = value.as_object().unwrap().iter().collect();
        assert!(described.keys().eq(sent.keys()), "{schema}: {properties:#} {value:#}");
    }

    #[test]
    fn the_schemas_have_exactly_the_fields_that_are_sent() {
        let policy = Policy::new(PolicyConfig::default()).unwrap();
        let account = Account::new(UserId::new("ada").unwrap(), &policy);
        let session = Session::new(&account, &policy, Timestamp::from_secs(0));
        let organisation = Account::new(UserId::new("org").unwrap(), &policy);
        let both = Accounts::new(account, vec![organisation]);
        let of_both = Session::of(&both, &policy, Timestamp::from_secs(0));
        check("Session", &serde_json::to_value(&of_both).unwrap());
        let (alone, of_both) = (serde_json::to_value(&session), serde_json::to_value(&of_both));
        let (mut alone, of_both) = (alone.unwrap(), of_both.unwrap());
        for name in members().as_object().unwrap().keys() {
            assert!(alone.get(name).is_none());
            alone[name] = of_both[name].clone();
        }
        check("Session", &alone);
        let as_of = Some(Timestamp::from_secs(0));
        let answer = tierlift_session::Answer {
            session: Session::of(&both, &policy, Timestamp::from_secs(0)),
            as_of,
        };
        check("User", &serde_json::to_value(answer).unwrap());
        let issued = tierlift_core::token::Issued { access_token: String::new(), expires_in: 900 };
        let refreshed = tierlift_session::Refreshed { issued, user: session };
        check("Refreshed", &serde_json::to_value(refreshed).unwrap());
        let grant = ServiceGrant {
            role: Role::new("paid"),
            until: None,
            granted_at: Timestamp::from_secs(0),
            withdrawn_at: None,
        };
        let view = GrantView::new("t1".to_owned(), UserId::new("ada").unwrap(), grant);
        check("Grant", &serde_json::to_value(view).unwrap());
        let problem = problem::response(axum::http::StatusCode::NOT_FOUND, Code::RouteNotFound, "");
        check("Problem", &serde_json::from_str(problem.body()).unwrap());
    }
}
