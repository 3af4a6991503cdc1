//! All requests of a run, built and signed beforehand into one piece of memory.
//!
//! While a run is measured nothing is built, signed or allocated: a request is a slice. It refuses
//! to change anything after it is made.

use std::ops::Range;

use anyhow::Result;

use tierlift_bench::{
    clock::now_secs,
    event::{Event, Signer},
};

/// A run's events: as many users in turn as there are, over and over.
pub(crate) struct Plan {
    bytes: Vec<u8>,
    spans: Vec<Range<usize>>,
    users: usize,
}

impl Plan {
    /// Builds and signs `events` webhooks, the first `users` of which create the subscriptions.
    pub(crate) fn new(events: usize, users: usize, secret: &str) -> Result<Self> {
        let signer = Signer::new(secret)?;
        let now = now_secs();
        let turns = events.div_ceil(users);
        let started_secs = now - 60 - u64::try_from(turns)?;
        let mut plan = Self { bytes: Vec::new(), spans: Vec::with_capacity(events), users };
        let mut body = Vec::with_capacity(4096);
        for index in 0..events {
            body.clear();
            let event = Event { index, user: index % users, turn: index / users, started_secs };
            event.write_body(&mut body);
            plan.push(&signer.header(now, &body), &body);
        }
        Ok(plan)
    }

    /// Other requests than webhooks, as they are.
    pub(crate) fn of_requests(requests: impl Iterator<Item = Result<String>>) -> Result<Self> {
        let mut plan = Self { bytes: Vec::new(), spans: Vec::new(), users: 1 };
        for request in requests {
            let from = plan.bytes.len();
            plan.bytes.extend_from_slice(request?.as_bytes());
            plan.spans.push(from..plan.bytes.len());
        }
        Ok(plan)
    }

    /// How many requests there are.
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    fn push(&mut self, signature: &str, body: &[u8]) {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(head(signature, body.len()).as_bytes());
        self.bytes.extend_from_slice(body);
        self.spans.push(from..self.bytes.len());
    }

    /// The whole HTTP request of an event.
    pub(crate) fn request(&self, index: usize) -> &[u8] {
        self.spans.get(index).and_then(|span| self.bytes.get(span.clone())).unwrap_or_default()
    }

    pub(crate) fn user_of(&self, index: usize) -> usize {
        index % self.users
    }

    /// Whether this event raises its user's role; each event that does not lowers it.
    pub(crate) fn upgrades(&self, index: usize) -> bool {
        (index / self.users).is_multiple_of(2)
    }

    /// Webhooks as (signature header, body), for what is measured without a server.
    pub(crate) fn webhooks(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        (0..self.spans.len()).filter_map(|index| split(self.request(index)))
    }
}

fn head(signature: &str, length: usize) -> String {
    format!(
        "POST /webhooks/stripe HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Stripe/1.0 \
         (+https://stripe.com/docs/webhooks)\r\nAccept: */*; q=0.5, application/xml\r\n\
         Cache-Control: no-cache\r\nContent-Type: application/json; charset=utf-8\r\n\
         Stripe-Signature: {signature}\r\nContent-Length: {length}\r\n\r\n"
    )
}

fn split(request: &[u8]) -> Option<(&[u8], &[u8])> {
    const NAME: &[u8] = b"Stripe-Signature: ";
    let signature = request.get(memchr::memmem::find(request, NAME)? + NAME.len()..)?;
    let signature = signature.get(..memchr::memchr(b'\r', signature)?)?;
    let body = request.get(memchr::memmem::find(request, b"\r\n\r\n")? + 4..)?;
    Some((signature, body))
}

#[cfg(test)]
mod tests {
    use tierlift_core::{
        stripe::signature::{self, Secrets},
        time::Timestamp,
    };

    use super::*;

    #[test]
    fn every_built_webhook_verifies_and_a_users_events_take_turns() {
        let plan = Plan::new(10, 4, "whsec_bench").unwrap();
        let secrets = Secrets::parse_unchecked("whsec_bench").unwrap();
        let now = Timestamp::from_secs(i64::try_from(now_secs()).unwrap());
        let mut seen = 0;
        for (index, (header, body)) in plan.webhooks().enumerate() {
            signature::verify(&secrets, header, body, now).unwrap();
            let event: serde_json::Value = serde_json::from_slice(body).unwrap();
            let user = &event["data"]["object"]["metadata"]["user_id"];
            assert_eq!(*user, format!("user_{:05}", plan.user_of(index)));
            let paid = event["data"]["object"]["status"] == "active";
            assert_eq!(paid, plan.upgrades(index));
            seen += 1;
        }
        assert_eq!(seen, 10);
    }
}
