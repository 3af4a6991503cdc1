//! Sends events to a server as Stripe does: signed, each customer's in order, and again if the server
//! could not take them.
//!
//! At most [`SENDERS_MAX`] connections, kept alive. A refusal (4xx) ends the run, since it would be
//! repeated; a server that is down or overloaded (no connection, 5xx) is tried again with a growing
//! delay, [`SEND_ATTEMPTS_MAX`] times in all.

use std::{
    fmt,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use anyhow::{Context as _, anyhow};
use serde::Deserialize;
use tierlift_core::stripe::signature;
use tierlift_embedded::system_clock;
use tierlift_testkit::lifecycle::Event;
use ureq::Agent;

use crate::limits::{RESPONSE_TIMEOUT, SEND_ATTEMPTS_MAX, SEND_RETRY_DELAY_MIN, SENDERS_MAX};

/// Sends webhooks to one server.
#[derive(Clone)]
pub(crate) struct WebhookSender {
    url: String,
    secret: String,
}

/// The reason why webhooks were not delivered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// The server did not answer, or could not take an event.
    #[error("{url}: {source:#} (after {SEND_ATTEMPTS_MAX} attempts)")]
    Unavailable {
        /// The webhook endpoint.
        url: String,
        /// The last attempt's error.
        source: anyhow::Error,
    },
    /// The server refused an event.
    #[error("{url} refused event {event}: {response}")]
    Refused {
        /// The webhook endpoint.
        url: String,
        /// The event's id.
        event: String,
        /// Status and body of the response.
        response: String,
    },
    /// Anything else.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

/// The outcome of a run's deliveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Deliveries.
    pub(crate) sent: usize,
    /// Deliveries answered with `accepted`.
    pub(crate) accepted: usize,
    /// Deliveries answered with `ignored`.
    pub(crate) ignored: usize,
    /// Attempts beyond the first of each delivery.
    pub(crate) retried: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, accepted, ignored, retried } = self;
        write!(f, "{sent} sent, {accepted} accepted, {ignored} ignored, {retried} retried")
    }
}

impl Summary {
    const fn plus(self, other: Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            accepted: self.accepted + other.accepted,
            ignored: self.ignored + other.ignored,
            retried: self.retried + other.retried,
        }
    }
}

#[derive(Deserialize)]
struct Response {
    status: String,
}

/// The outcome of one attempt.
enum Attempt {
    Answered(Summary),
    Unavailable(anyhow::Error),
}

/// A client that keeps its connections and returns every status to its caller.
pub(crate) fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(RESPONSE_TIMEOUT))
        .max_idle_connections(SENDERS_MAX)
        .max_idle_connections_per_host(SENDERS_MAX)
        .build()
        .into()
}

impl WebhookSender {
    /// A sender to the webhook endpoint of a server.
    pub(crate) fn new(server_url: &str, secret: &str) -> Self {
        Self { url: format!("{server_url}/webhooks/stripe"), secret: secret.to_owned() }
    }

    /// Delivers events: those of one customer in order, customers in parallel.
    pub(crate) fn deliver(&self, events: &[Event]) -> Result<Summary, SendError> {
        let lanes = lanes(events);
        let agent = agent();
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let running: Vec<_> = lanes
                .iter()
                .map(|lane| scope.spawn(|| self.deliver_lane(&agent, lane, &stop)))
                .collect();
            let mut total = Ok(Summary::default());
            for lane in running {
                let outcome =
                    lane.join().unwrap_or_else(|_| Err(anyhow!("a sender panicked").into()));
                total = total.and_then(|sum: Summary| Ok(sum.plus(outcome?)));
            }
            total
        })
    }

    fn deliver_lane(
        &self,
        agent: &Agent,
        lane: &[&Event],
        stop: &AtomicBool,
    ) -> Result<Summary, SendError> {
        let mut total = Summary::default();
        for event in lane {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            match self.deliver_one(agent, event) {
                Ok(summary) => total = total.plus(summary),
                Err(error) => {
                    stop.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        Ok(total)
    }

    fn deliver_one(&self, agent: &Agent, event: &Event) -> Result<Summary, SendError> {
        let mut delay = SEND_RETRY_DELAY_MIN;
        let mut retried = 0;
        loop {
            match self.post(agent, event)? {
                Attempt::Answered(summary) => {
                    return Ok(Summary { retried, ..summary });
                }
                Attempt::Unavailable(source) if retried + 1 == SEND_ATTEMPTS_MAX => {
                    return Err(SendError::Unavailable { url: self.url.clone(), source });
                }
                Attempt::Unavailable(_) => thread::sleep(delay),
            }
            retried += 1;
            delay *= 2;
        }
    }

    fn post(&self, agent: &Agent, event: &Event) -> Result<Attempt, SendError> {
        // Stripe signs each attempt at its own time.
        let signature = signature::sign(&self.secret, &event.body, system_clock().now());
        let response = agent
            .post(&self.url)
            .header("Content-Type", "application/json; charset=utf-8")
            .header("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
            .header("Stripe-Signature", signature)
            .send(&event.body[..]);
        let mut response = match response {
            Ok(response) => response,
            Err(error @ (ureq::Error::BadUri(_) | ureq::Error::Http(_))) => {
                return Err(anyhow::Error::from(error).context(self.url.clone()).into());
            }
            Err(error) => return Ok(Attempt::Unavailable(error.into())),
        };
        let status = response.status();
        let text = response.body_mut().read_to_string().unwrap_or_default();
        if status.is_server_error() {
            return Ok(Attempt::Unavailable(anyhow!("{status}: {text}")));
        }
        if !status.is_success() {
            let (url, event) = (self.url.clone(), event.id.clone());
            return Err(SendError::Refused { url, event, response: format!("{status}: {text}") });
        }
        let response: Response = serde_json::from_str(&text)
            .with_context(|| format!("{} answered {text:?}", self.url))?;
        Ok(Attempt::Answered(Summary {
            sent: 1,
            accepted: usize::from(response.status == "accepted"),
            ignored: usize::from(response.status == "ignored"),
            retried: 0,
        }))
    }
}

/// Spreads events so that those of one customer are in one lane, in order.
fn lanes(events: &[Event]) -> Vec<Vec<&Event>> {
    let mut lanes: Vec<Vec<&Event>> = vec![Vec::new(); SENDERS_MAX];
    for event in events {
        let mut hasher = DefaultHasher::new();
        event.customer.hash(&mut hasher);
        let index = usize::try_from(hasher.finish() % SENDERS_MAX as u64).unwrap_or(0);
        if let Some(lane) = lanes.get_mut(index) {
            lane.push(event);
        }
    }
    lanes.retain(|lane| !lane.is_empty());
    lanes
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader, Read as _, Write as _},
        net::TcpListener,
    };

    use super::*;
    use tierlift_testkit::{lifecycle::purchase, random::Random};

    const SECRET: &str = "whsec_7Zq2mVxT4bLr9KsWdN3c";

    /// Answers one request per response, each on its own connection; returns the bodies.
    fn serve(listener: &TcpListener, responses: &[(&str, &str)]) -> Vec<Vec<u8>> {
        responses
            .iter()
            .map(|(status, text)| {
                let (mut stream, _) = listener.accept().unwrap();
                let body = read(&stream);
                let length = text.len();
                let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: ");
                stream.write_all(format!("{head}{length}\r\n\r\n{text}").as_bytes()).unwrap();
                body
            })
            .collect()
    }

    /// Reads a request's body and verifies its signature.
    fn read(stream: &std::net::TcpStream) -> Vec<u8> {
        let mut reader = BufReader::new(stream);
        let (mut length, mut signature) = (0, String::new());
        for line in reader.by_ref().lines().map(Result::unwrap).take_while(|l| !l.is_empty()) {
            let (name, value) = line.split_once(": ").unwrap_or_default();
            match &name.to_lowercase()[..] {
                "content-length" => length = value.parse().unwrap(),
                "stripe-signature" => value.clone_into(&mut signature),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let secrets = signature::Secrets::parse(SECRET).unwrap();
        let now = system_clock().now();
        signature::verify(&secrets, signature.as_bytes(), &body, now).unwrap();
        body
    }

    fn check(responses: &[(&str, &str)], expected: Result<Summary, &str>, delivered: &[usize]) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let sender = WebhookSender::new(&url, SECRET);
        let (_, events) = purchase(&mut Random::new(1), "cus_1", "ada", "price_pro", 1);
        let (outcome, bodies) = thread::scope(|scope| {
            let serving = scope.spawn(|| serve(&listener, responses));
            (sender.deliver(&events), serving.join().unwrap())
        });
        match (outcome, expected) {
            (Ok(summary), Ok(expected)) => assert_eq!(summary, expected),
            (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{error}"),
            (outcome, expected) => panic!("{outcome:?}, not {expected:?}"),
        }
        let expected: Vec<_> = delivered.iter().map(|index| events[*index].body.clone()).collect();
        assert_eq!(bodies, expected);
    }

    #[test]
    fn the_events_of_a_customer_are_sent_in_order_and_again_if_not_taken() {
        let accepted = ("200 OK", r#"{"status":"accepted"}"#);
        let ignored = ("200 OK", r#"{"status":"ignored"}"#);
        let full = ("503 Service Unavailable", "");
        let summary =
            |accepted, ignored, retried| Ok(Summary { sent: 3, accepted, ignored, retried });
        check(&[accepted, accepted, ignored], summary(2, 1, 0), &[0, 1, 2]);
        check(
            &[full, accepted, accepted, full, full, accepted],
            summary(3, 0, 3),
            &[0, 0, 1, 2, 2, 2],
        );
        check(
            &[accepted, ("400 Bad Request", "signature.mismatch")],
            Err("signature.mismatch"),
            &[0, 1],
        );
        check(&[full; SEND_ATTEMPTS_MAX], Err("(after 6 attempts)"), &[0; 6]);
    }
}
