//! Stripe, the stages and the browsers of a deployment on AWS, second by second.

use std::{pin::Pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, http::Request};
use tierlift_core::{
    limits::SQS_BATCH_MAX,
    ports::Queue as _,
    stripe::signature::{Secrets, sign},
    time::Timestamp,
    token::{TokenConfig, TokenKeys},
};
use tierlift_ingest::{Ingest, Refusals};
use tierlift_notifier::notify_all;
use tierlift_session::{Document, FetchError, Keyring};
use tierlift_testkit::{clock::ManualClock, facts::policy, harness::WEBHOOK_SECRET, webhook};
use tierlift_worker::Worker;
use tower::ServiceExt as _;

use super::{
    super::session::{ISSUER, Key},
    parts::{Away, ModelStore, Signing, Tabs},
    queue::FifoQueue,
};

pub(super) const START: Timestamp = Timestamp::from_secs(1_795_000_000);
/// One user has an event in each of these intervals, in turn.
const EVENT_SECS: i64 = 5;
/// Somebody asks for their session in each of these intervals.
pub(super) const LOOK_SECS: i64 = 5;
pub(super) const USERS: usize = 10;
/// Records that Lambda hands to the notifier at once.
const STREAM_BATCH: usize = 100;
/// A stream's record is given up at this age: no socket is older (infrastructure/template.yaml).
const STREAM_AGE_SECS: i64 = 2 * 60 * 60;
/// Time after which Stripe sends an event again that was not accepted. It doubles up to an hour.
const RESENT_SECS: i64 = 60;
/// Time that a worker has for a batch.
const BATCH_TIME: Duration = Duration::from_secs(6);

/// What Stripe still has to deliver.
struct Outgoing {
    due: Timestamp,
    wait_secs: i64,
    body: Vec<u8>,
}

/// What users met at the doors.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) webhooks: usize,
    pub(super) sessions: usize,
    pub(super) sessions_of_new_functions: usize,
    pub(super) notices_given_up: usize,
}

pub(super) struct World {
    pub(super) clock: ManualClock,
    pub(super) queue: FifoQueue,
    pub(super) store: ModelStore,
    pub(super) tabs: Tabs,
    pub(super) secrets: Away,
    pub(super) issuer: Away,
    pub(super) refused: Refused,
    key: Key,
    warm: Keyring,
    /// A function that began while the issuer was unavailable.
    cold: Option<Keyring>,
    outgoing: Vec<Outgoing>,
    sent: usize,
}

impl World {
    pub(super) fn new() -> Self {
        let (clock, issuer) = (ManualClock::new(START), Away::default());
        let key = Key::new("1", 1);
        Self {
            queue: FifoQueue::new(clock.clone()),
            store: ModelStore::default(),
            tabs: Tabs::default(),
            secrets: Away::default(),
            refused: Refused::default(),
            warm: keyring(&key, &issuer),
            cold: None,
            outgoing: Vec::new(),
            sent: 0,
            clock,
            issuer,
            key,
        }
    }

    /// Lives through a time with events, or without.
    pub(super) async fn live(&mut self, secs: i64, has_events: bool) {
        for _ in 0..secs {
            tokio::time::advance(Duration::from_secs(1)).await;
            self.clock.advance_secs(1);
            if has_events && self.clock.now().as_secs() % EVENT_SECS == 0 {
                self.happen();
            }
            self.stripe().await;
            self.work().await;
            self.notify().await;
            if self.clock.now().as_secs() % LOOK_SECS == 0 {
                self.look().await;
            }
        }
    }

    /// The number of events that happened, and of those that Stripe has not delivered.
    pub(super) const fn events(&self) -> (usize, usize) {
        (self.sent, self.outgoing.len())
    }

    /// The next user's subscription is paid for, or is not.
    fn happen(&mut self) {
        let (number, now) = (self.sent, self.clock.now());
        let (user, round) = (format!("u{}", number % USERS), number / USERS);
        let status = ["active", "unpaid"][round % 2];
        let mut event = webhook::subscription(&format!("evt_{number}"), &user, status, now);
        if round > 0 {
            let before = ["unpaid", "active"][round % 2];
            event = webhook::updated(event, Some(serde_json::json!({ "status": before })));
        }
        let body = event.to_string().into_bytes();
        self.outgoing.push(Outgoing { due: now, wait_secs: RESENT_SECS, body });
        self.sent += 1;
    }

    /// The role that each user has in the end, by what happened alone.
    pub(super) fn paid_for(&self) -> Vec<(String, &'static str, u64)> {
        let of_user = |user| {
            let events = (user..self.sent).step_by(USERS).count();
            let role = ["free", "paid"][events % 2];
            (format!("u{user}"), role, u64::try_from(events).unwrap())
        };
        (0..USERS).map(of_user).collect()
    }

    async fn stripe(&mut self) {
        let now = self.clock.now();
        let due = self.outgoing.extract_if(.., |event| event.due <= now).collect::<Vec<_>>();
        for event in due {
            let signature = sign(WEBHOOK_SECRET, &event.body, now);
            let request =
                Request::post(tierlift_ingest::PATH).header("stripe-signature", signature);
            let request = request.body(Body::from(event.body.clone())).unwrap();
            let status = self.ingest().oneshot(request).await.unwrap().status();
            if status != 200 {
                assert_eq!(status, 503, "a refusal that blames the sender");
                self.refused.webhooks += 1;
                let wait_secs = (2 * event.wait_secs).min(60 * 60);
                let due = now.plus_secs(event.wait_secs);
                self.outgoing.push(Outgoing { due, wait_secs, ..event });
            }
        }
    }

    /// A function that has just started: it knows no secret yet.
    fn ingest(&self) -> Router {
        let secrets = Secrets::parse(WEBHOOK_SECRET).unwrap().into();
        tierlift_ingest::router(Arc::new(Ingest {
            queue: self.queue.clone(),
            secrets: Signing { away: self.secrets.clone(), secrets },
            connected_accounts: Vec::new().into(),
            clock: self.clock.clock(),
            body_timeout: Duration::from_secs(1),
            refusals: Refusals::default(),
        }))
    }

    /// As Lambda does it: what is not retained is deleted.
    async fn work(&self) {
        let worker = Worker {
            queue: self.queue.clone(),
            store: &self.store,
            policy: policy().into(),
            clock: self.clock.clock(),
        };
        loop {
            let batch = worker.queue.receive(SQS_BATCH_MAX as usize).await.unwrap();
            if batch.is_empty() {
                return;
            }
            let mut done: Vec<_> = batch.iter().map(|delivery| delivery.receipt.clone()).collect();
            let retained = worker.batch(batch, BATCH_TIME).await;
            done.retain(|receipt| !retained.contains(receipt));
            worker.queue.delete(done).await.unwrap();
        }
    }

    /// As Lambda does it: everything from the first failed record on is redelivered, until it is too old.
    async fn notify(&mut self) {
        let oldest = self.clock.now().plus_secs(-STREAM_AGE_SECS);
        let mut stream = std::mem::take(&mut *self.store.stream.lock().unwrap());
        let all = stream.len();
        stream.retain(|record| record.change.at > oldest);
        self.refused.notices_given_up += all - stream.len();
        while !stream.is_empty() {
            let batch: Vec<_> = stream.iter().take(STREAM_BATCH).cloned().collect();
            let pushed = notify_all(&self.tabs, batch, &self.clock.clock()).await;
            let done = pushed.iter().position(|pushed| !pushed).unwrap_or(pushed.len());
            stream.drain(..done);
            if done < pushed.len() {
                break;
            }
        }
        *self.store.stream.lock().unwrap() = stream;
    }

    /// Somebody asks for their session, with a token of the issuer.
    async fn look(&mut self) {
        let now = self.clock.now();
        let token = self.key.token_at(now, ISSUER, "app");
        self.refused.sessions += usize::from(self.warm.verify(&token, now).await.is_err());
        if self.issuer.get() {
            self.cold.get_or_insert_with(|| keyring(&self.key, &self.issuer));
        }
        if let Some(cold) = &self.cold {
            let refused = cold.verify(&token, now).await;
            self.refused.sessions_of_new_functions += usize::from(refused.is_err());
        }
    }
}

/// The key set of an issuer that may be away.
fn keyring(key: &Key, issuer: &Away) -> Keyring {
    let config = TokenConfig {
        issuer: vec![ISSUER.to_owned()],
        audience: vec!["app".to_owned()],
        ..TokenConfig::default()
    };
    let (json, issuer) = (key.key_set().to_string().into_bytes(), issuer.clone());
    let fetch = move || {
        let answer = if issuer.get() {
            Err(FetchError::from("away"))
        } else {
            Ok(Document { json: json.clone(), max_age: None })
        };
        Box::pin(std::future::ready(answer)) as Pin<Box<dyn Future<Output = _> + Send>>
    };
    Keyring::with_key_set(TokenKeys::new(None).with_rules(config.rules()), Box::new(fetch))
}
