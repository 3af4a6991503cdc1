//! Posts events to a server as Stripe does: signed, one customer's one after another, and again
//! where the server could not take them.
//!
//! Keep-alive connections, at most [`LANES_MAX`] of them. A refusal (4xx) ends the run, for it would
//! be refused again; a server that is down or full (no connection, 5xx) is tried again with a
//! growing pause, at most [`TRIES_MAX`] times.

use std::{
    fmt,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use serde::Deserialize;
use tierlift_core::{stripe::signature, time::Timestamp};
use ureq::Agent;

use tierlift_testkit::lifecycle::Event;

use super::now_millis;

/// Connections at a time.
pub const LANES_MAX: usize = 32;
/// Tries of one delivery.
pub const TRIES_MAX: u32 = 6;
const PAUSE_MIN: Duration = Duration::from_millis(100);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Where webhooks go.
#[derive(Clone)]
pub struct Target {
    /// The webhook endpoint.
    pub url: String,
    /// The secret that they are signed with.
    pub secret: String,
}

/// What came of a run's deliveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Deliveries.
    pub sent: usize,
    /// Answered with `accepted`.
    pub accepted: usize,
    /// Answered with `ignored`.
    pub ignored: usize,
    /// Tries beyond the first.
    pub retried: usize,
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
struct Answer {
    status: String,
}

/// A client that keeps its connections and hands every status to its caller.
#[must_use]
pub(crate) fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(ANSWER_TIMEOUT))
        .max_idle_connections(LANES_MAX)
        .max_idle_connections_per_host(LANES_MAX)
        .build()
        .into()
}

impl Target {
    /// Delivers events: those of one customer in their order, customers side by side.
    pub fn deliver(&self, events: &[Event]) -> anyhow::Result<Summary> {
        let lanes = lanes(events);
        let agent = agent();
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let running: Vec<_> = lanes
                .iter()
                .map(|lane| scope.spawn(|| self.deliver_lane(&agent, lane, &stop)))
                .collect();
            let mut all = Ok(Summary::default());
            for lane in running {
                let done = lane.join().unwrap_or_else(|_| Err(anyhow!("a sender panicked")));
                all = all.and_then(|sum: Summary| Ok(sum.plus(done?)));
            }
            all
        })
    }

    fn deliver_lane(
        &self,
        agent: &Agent,
        lane: &[&Event],
        stop: &AtomicBool,
    ) -> anyhow::Result<Summary> {
        let mut summary = Summary::default();
        for event in lane {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            match self.deliver_one(agent, event) {
                Ok(one) => summary = summary.plus(one),
                Err(error) => {
                    stop.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        Ok(summary)
    }

    fn deliver_one(&self, agent: &Agent, event: &Event) -> anyhow::Result<Summary> {
        let mut pause = PAUSE_MIN;
        for attempt in 1..TRIES_MAX {
            match self.post(agent, event)? {
                Posted::Answered(one) => {
                    let retried = usize::try_from(attempt - 1).unwrap_or(0);
                    return Ok(Summary { retried, ..one });
                }
                Posted::Again(_) => thread::sleep(pause),
            }
            pause *= 2;
        }
        match self.post(agent, event)? {
            Posted::Answered(one) => Ok(one),
            Posted::Again(error) => {
                Err(error.context(format!("{}: no answer in {TRIES_MAX} tries", self.url)))
            }
        }
    }

    fn post(&self, agent: &Agent, event: &Event) -> anyhow::Result<Posted> {
        // Stripe signs each try anew, at the time of the try.
        let now = Timestamp::from_millis(now_millis());
        let answer = agent
            .post(&self.url)
            .header("Content-Type", "application/json; charset=utf-8")
            .header("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
            .header("Stripe-Signature", signature::sign(&self.secret, &event.body, now))
            .send(&event.body[..]);
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(error @ (ureq::Error::BadUri(_) | ureq::Error::Http(_))) => {
                return Err(error).with_context(|| self.url.clone());
            }
            Err(error) => return Ok(Posted::Again(error.into())),
        };
        let status = answer.status();
        let text = answer.body_mut().read_to_string().unwrap_or_default();
        if status.is_server_error() {
            return Ok(Posted::Again(anyhow!("{status}: {text}")));
        }
        if !status.is_success() {
            bail!("{} refused event {}: {status}: {text}", self.url, event.id);
        }
        let answer: Answer = serde_json::from_str(&text)
            .with_context(|| format!("{} answered {text:?}", self.url))?;
        let (accepted, ignored) = (answer.status == "accepted", answer.status == "ignored");
        Ok(Posted::Answered(Summary {
            sent: 1,
            accepted: usize::from(accepted),
            ignored: usize::from(ignored),
            retried: 0,
        }))
    }
}

enum Posted {
    Answered(Summary),
    Again(anyhow::Error),
}

/// Spreads events so that those of one customer are in one lane, in their order.
fn lanes(events: &[Event]) -> Vec<Vec<&Event>> {
    let mut lanes: Vec<Vec<&Event>> = vec![Vec::new(); LANES_MAX];
    for event in events {
        let mut hasher = DefaultHasher::new();
        event.customer.hash(&mut hasher);
        let place = usize::try_from(hasher.finish() % LANES_MAX as u64).unwrap_or(0);
        if let Some(lane) = lanes.get_mut(place) {
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

    const SECRET: &str = "whsec_test";

    /// Answers so many requests as told, each on a connection of its own; gives back the bodies.
    fn serve(listener: &TcpListener, answers: &[(&str, &str)]) -> Vec<Vec<u8>> {
        answers
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

    /// A request's body, once its signature is right.
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
        let now = Timestamp::from_millis(now_millis());
        signature::verify(&secrets, signature.as_bytes(), &body, now).unwrap();
        body
    }

    fn check(answers: &[(&str, &str)], expected: Result<Summary, &str>, delivered: &[usize]) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/webhooks/stripe", listener.local_addr().unwrap());
        let target = Target { url, secret: SECRET.to_owned() };
        let (_, events) = purchase(&mut Random::new(1), "cus_1", "ada", "price_pro", 1);
        let (done, bodies) = thread::scope(|scope| {
            let serving = scope.spawn(|| serve(&listener, answers));
            (target.deliver(&events), serving.join().unwrap())
        });
        match (done, expected) {
            (Ok(summary), Ok(expected)) => assert_eq!(summary, expected),
            (Err(error), Err(words)) => assert!(format!("{error:#}").contains(words), "{error:#}"),
            (done, expected) => panic!("{done:?}, not {expected:?}"),
        }
        let expected: Vec<_> = delivered.iter().map(|place| events[*place].body.clone()).collect();
        assert_eq!(bodies, expected);
    }

    #[test]
    fn a_customers_events_are_told_in_order_and_again_where_they_were_not_taken() {
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
        check(&[full; TRIES_MAX as usize], Err("no answer in 6 tries"), &[0; 6]);
    }
}
