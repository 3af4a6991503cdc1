//! Events as Stripe sends them, built beforehand, each an edge from the state before it.
//!
//! A user has one customer and one subscription. Its first event creates the subscription, each
//! next one turns it from active to unpaid or back, a second later: so every event changes a role.
//! It refuses to invent order: `created` rises with each event of a user.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::id;

/// The whole event, with `$NAME$` where events differ.
const TEMPLATE: &str = include_str!("event.json");
const PERIOD_SECS: u64 = 30 * 24 * 3600;

/// What tells one event of the run from another.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Its place in the run, and the number in its id.
    pub index: usize,
    /// Whose subscription it is about.
    pub user: usize,
    /// How many events of this user come before it.
    pub turn: usize,
    /// When the subscription began, in seconds.
    pub started_secs: u64,
}

impl Event {
    /// Whether the user has the paid role after it.
    #[must_use]
    pub fn upgrades(self) -> bool {
        self.turn.is_multiple_of(2)
    }

    fn created_secs(self) -> u64 {
        self.started_secs + u64::try_from(self.turn).unwrap_or(0)
    }

    fn status(self) -> &'static str {
        if self.upgrades() { "active" } else { "unpaid" }
    }

    fn kind(self) -> &'static str {
        match self.turn {
            0 => "customer.subscription.created",
            _ => "customer.subscription.updated",
        }
    }

    fn previous_attributes(self) -> &'static str {
        match (self.turn, self.upgrades()) {
            (0, _) => "",
            (_, true) => r#","previous_attributes":{"status":"unpaid"}"#,
            (_, false) => r#","previous_attributes":{"status":"active"}"#,
        }
    }

    /// Appends the body: what is signed and posted.
    pub fn write_body(self, out: &mut Vec<u8>) {
        let mut names = false;
        for part in TEMPLATE.trim_end().split('$') {
            if names {
                out.extend_from_slice(self.value(part).as_bytes());
            } else {
                out.extend_from_slice(part.as_bytes());
            }
            names = !names;
        }
    }

    fn value(self, name: &str) -> String {
        match name {
            "EVENT" => id::event(self.index, self.created_secs()),
            "USER" => id::user(self.user),
            "CUSTOMER" => id::customer(self.user),
            "SUBSCRIPTION" => id::subscription(self.user),
            "CREATED" => self.created_secs().to_string(),
            "STARTED" => self.started_secs.to_string(),
            "PERIOD_END" => (self.started_secs + PERIOD_SECS).to_string(),
            "STATUS" => self.status().to_owned(),
            "TYPE" => self.kind().to_owned(),
            "PREVIOUS" => self.previous_attributes().to_owned(),
            _ => String::new(),
        }
    }
}

/// Signs bodies as Stripe does: HMAC-SHA256 over `t.body`.
#[derive(Clone, Debug)]
pub struct Signer(Hmac<Sha256>);

impl Signer {
    /// Signs with that secret.
    pub fn new(secret: &str) -> anyhow::Result<Self> {
        Ok(Self(Hmac::new_from_slice(secret.as_bytes())?))
    }

    /// The `Stripe-Signature` header of a body that is sent at this second.
    #[must_use]
    pub fn header(&self, at_secs: u64, body: &[u8]) -> String {
        let mut mac = self.0.clone();
        mac.update(at_secs.to_string().as_bytes());
        mac.update(b".");
        mac.update(body);
        format!("t={at_secs},v1={}", hex::encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(turn: usize) -> serde_json::Value {
        let mut bytes = Vec::new();
        Event { index: 7, user: 3, turn, started_secs: 1_795_000_000 }.write_body(&mut bytes);
        assert!((2_800..3_300).contains(&bytes.len()), "{} bytes", bytes.len());
        assert!(!bytes.contains(&b'$'), "every name has a value");
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn the_first_event_creates_and_each_next_one_turns_the_status() {
        let expected = [
            ("customer.subscription.created", "active", None),
            ("customer.subscription.updated", "unpaid", Some("active")),
            ("customer.subscription.updated", "active", Some("unpaid")),
        ];
        for (turn, (kind, status, before)) in expected.into_iter().enumerate() {
            let event = body(turn);
            assert_eq!(event["type"], kind);
            assert_eq!(event["data"]["object"]["status"], status);
            let previous = &event["data"]["previous_attributes"]["status"];
            assert_eq!(previous.as_str(), before);
            assert_eq!(event["created"], 1_795_000_000 + turn);
            assert_eq!(event["data"]["object"]["metadata"]["user_id"], "user_00003");
        }
    }

    #[test]
    fn the_signature_is_the_one_that_stripe_documents() {
        // As `openssl dgst -sha256 -hmac whsec_bench` prints for `1795000000.{}`.
        let digest = "92f7d0fa92106cb8a2cc0a40e25a3732fc44b0709a0c3a1e0c61128820435eb5";
        let header = Signer::new("whsec_bench").unwrap().header(1_795_000_000, b"{}");
        assert_eq!(header, format!("t=1795000000,v1={digest}"));
    }
}
