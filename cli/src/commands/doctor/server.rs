//! Whether the server accepts what is signed with the secret: it is sent an event that nobody acts on.

use tierlift_core::{codes::Code, stripe::signature};
use tierlift_embedded::system_clock;

use super::finding::Finding;
use crate::webhooks;

/// An event of a type that cannot bear on access, so the server answers that it ignores it.
const PING: &str = r#"{"id":"evt_tierlift_doctor","object":"event","type":"balance.available","data":{"object":{}}}"#;

pub(super) fn check(server: &str, secret: &str) -> Option<Finding> {
    let url = format!("{}/webhooks/stripe", server.trim_end_matches('/'));
    let signature = signature::sign(secret, PING.as_bytes(), system_clock().now());
    let sent = webhooks::agent()
        .post(&url)
        .header("Content-Type", "application/json")
        .header("Stripe-Signature", signature)
        .send(PING);
    let mut response = match sent {
        Ok(response) => response,
        Err(error) => {
            return Some(Finding::notice(Code::ServerSilent, format!("{url}: {error}")));
        }
    };
    let status = response.status();
    if status.is_success() {
        return None;
    }
    let body = response.body_mut().read_to_string().unwrap_or_default();
    let code = serde_json::from_str::<serde_json::Value>(&body).unwrap_or_default();
    let reason =
        code.get("code").and_then(serde_json::Value::as_str).unwrap_or("no tierlift answers");
    let message = format!("{url} answers {status} ({reason}) to an event signed with the secret");
    Some(Finding::problem(Code::SecretMismatch, message))
}
