//! A deployed stack in use: Stripe sends events all the time, and tabs follow their users as browsers do.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tierlift_core::{
    ports::{DeadLetters as _, Depth},
    stripe::signature::sign,
};
use tierlift_testkit::{
    harness::{
        NEVER_STALE, WEBHOOK_SECRET, eventually_within, now,
        socket::{Socket, protocols},
    },
    webhook,
};
use tokio::{
    task::{JoinHandle, JoinSet},
    time::{MissedTickBehavior, interval},
};
use tokio_tungstenite::tungstenite::Message;

use super::deploy::Stack;

const USERS: usize = 10;
/// Time between two events.
const EVENT_INTERVAL: Duration = Duration::from_millis(100);
/// Time between two pings of a tab: one that somebody looks at pings more often than others.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// Time after which a tab connects again.
const RECONNECT_DELAY: Duration = Duration::from_millis(200);
/// Time after which Stripe sends an event again.
const RESENT_AFTER: Duration = Duration::from_secs(5);
/// Time in which everything must be right after the last event: the longest pause of a worker, and what an
/// emulator on a busy machine needs.
const CATCH_UP: Duration = Duration::from_mins(2);

/// The users take turns.
pub(super) fn user(number: usize) -> String {
    format!("u{}", number % USERS)
}

/// A tab. It ends with the test.
pub(super) struct Tab {
    user: String,
    shown: Arc<Mutex<(u64, Value)>>,
    connections: Arc<AtomicUsize>,
    running: JoinHandle<()>,
}

impl Drop for Tab {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Tab {
    pub(super) fn open(stack: &Arc<Stack>, user: &str) -> Self {
        let (shown, connections) = (Arc::default(), Arc::new(AtomicUsize::default()));
        let running = tokio::spawn(follow(
            Arc::clone(stack),
            user.to_owned(),
            Arc::clone(&shown),
            Arc::clone(&connections),
        ));
        Self { user: user.to_owned(), shown, connections, running }
    }

    /// How often it has connected.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The role that it shows.
    fn role(&self) -> Value {
        self.shown.lock().unwrap().1.clone()
    }
}

async fn follow(
    stack: Arc<Stack>,
    user: String,
    shown: Arc<Mutex<(u64, Value)>>,
    connections: Arc<AtomicUsize>,
) {
    loop {
        // A token that is behind could not open a socket.
        let token = stack.token(&user, NEVER_STALE);
        if let Ok(mut socket) = stack.try_socket(&protocols(&token), None).await {
            connections.fetch_add(1, Ordering::SeqCst);
            show_until_closed(&mut socket, &shown).await;
        }
        tokio::time::sleep(RECONNECT_DELAY).await;
    }
}

async fn show_until_closed(socket: &mut Socket, shown: &Mutex<(u64, Value)>) {
    let mut pings = interval(PING_INTERVAL);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    socket.say(r#"{"action":"sync","revocationId":0}"#).await;
    loop {
        let frame = tokio::select! {
            frame = socket.wire.next() => frame,
            _ = pings.tick() => {
                if socket.wire.send(Message::text(r#"{"action":"ping"}"#)).await.is_err() {
                    return;
                }
                continue;
            }
        };
        let Some(Ok(Message::Text(text))) = frame else { return };
        let frame: Value = serde_json::from_str(&text).unwrap();
        let Some(version) = frame["accountVersion"].as_u64() else { continue };
        let mut shown = shown.lock().unwrap();
        if version >= shown.0 {
            *shown = (version, frame["role"].clone());
        }
    }
}

/// Stripe's side: ten events a second, each signed with the endpoint's secrets of that time.
pub(super) struct Traffic {
    stack: Arc<Stack>,
    secrets: Arc<Mutex<Vec<&'static str>>>,
    /// The latest status of each user's subscription.
    statuses: Arc<Mutex<BTreeMap<String, &'static str>>>,
    is_ending: Arc<AtomicBool>,
    running: JoinHandle<usize>,
}

impl Traffic {
    /// Ten events a second until [`Self::ends_well`], and for that time at least. Each must be accepted, at the latest
    /// when Stripe has sent it again as often as `resent` says.
    pub(super) fn start(stack: &Arc<Stack>, at_least_secs: u64, resent: usize) -> Self {
        let secrets = Arc::new(Mutex::new(vec![WEBHOOK_SECRET]));
        let (statuses, is_ending) = (Arc::default(), Arc::default());
        let sending = send(
            Arc::clone(stack),
            Arc::clone(&secrets),
            Arc::clone(&statuses),
            Arc::clone(&is_ending),
            at_least_secs,
            resent,
        );
        let running = tokio::spawn(sending);
        Self { stack: Arc::clone(stack), secrets, statuses, is_ending, running }
    }

    /// Stripe signs with all of these.
    pub(super) fn sign_with(&self, secrets: &[&'static str]) {
        *self.secrets.lock().unwrap() = secrets.to_vec();
    }

    /// Sends the last event, and waits until all of them are applied, all tabs are right, and nothing is dead. Returns the
    /// number of events.
    pub(super) async fn ends_well(self, tabs: &[Tab]) -> usize {
        let Self { stack, statuses, is_ending, running, .. } = self;
        is_ending.store(true, Ordering::SeqCst);
        let sent = running.await.unwrap();
        let queue = stack.queue();
        eventually_within(CATCH_UP, "the queue is empty", async || {
            let depth = queue.depth().await.unwrap();
            assert_eq!(depth.dead, 0, "{:?}", queue.list(10).await.unwrap());
            depth == Depth { queued: 0, dead: 0, oldest_received_at: None }
        })
        .await;
        let statuses = statuses.lock().unwrap().clone();
        assert_eq!(statuses.len(), USERS);
        for (user, status) in statuses {
            let role = json!(if status == "active" { "paid" } else { "free" });
            let of_user = || tabs.iter().filter(|tab| tab.user == user);
            assert!(of_user().count() > 0);
            let context = format!("{user} is {role} in every tab");
            eventually_within(CATCH_UP, &context, async || of_user().all(|tab| tab.role() == role))
                .await;
            assert_eq!(stack.session(&user).await["role"], role, "{user}");
        }
        sent
    }
}

async fn send(
    stack: Arc<Stack>,
    secrets: Arc<Mutex<Vec<&'static str>>>,
    statuses: Arc<Mutex<BTreeMap<String, &'static str>>>,
    is_ending: Arc<AtomicBool>,
    at_least_secs: u64,
    resent: usize,
) -> usize {
    let mut ticks = interval(EVENT_INTERVAL);
    let at_least = u128::from(at_least_secs) * 1_000 / EVENT_INTERVAL.as_millis();
    let at_least = usize::try_from(at_least).unwrap();
    let mut posts = JoinSet::new();
    let mut sent = 0;
    while sent < at_least || !is_ending.load(Ordering::SeqCst) {
        ticks.tick().await;
        let number = sent;
        sent += 1;
        let (user, status) = (user(number), ["active", "unpaid"][number / USERS % 2]);
        let mut event = webhook::subscription(&format!("evt_{number}"), &user, status, now());
        if number >= USERS {
            let before = if status == "active" { "unpaid" } else { "active" };
            event = webhook::updated(event, Some(json!({ "status": before })));
        }
        statuses.lock().unwrap().insert(user, status);
        let (stack, secrets) = (Arc::clone(&stack), Arc::clone(&secrets));
        posts.spawn(async move {
            let body = event.to_string().into_bytes();
            for left in (0..=resent).rev() {
                // Whatever is sent again is signed again.
                let signature = signature(&secrets.lock().unwrap(), &body);
                let request = stack.webhook_request(&body, &signature);
                let answer = stack.try_send(request).await;
                if answer.as_ref().is_ok_and(|answer| answer.status == 200) {
                    return;
                }
                // A function that the machine gave no time ends at its timeout. Then Stripe sends again, as it does
                // without an answer.
                let may_be_sent_again = answer.as_ref().map_or(true, |answer| answer.status >= 500);
                assert!(may_be_sent_again && left > 0, "{number}: {answer:?}");
                tokio::time::sleep(RESENT_AFTER).await;
            }
        });
        while let Some(posted) = posts.try_join_next() {
            posted.unwrap();
        }
    }
    posts.join_all().await;
    sent
}

/// The header with a signature of each secret.
fn signature(secrets: &[&str], body: &[u8]) -> String {
    let at = now();
    let mut signatures = secrets.iter().map(|secret| sign(secret, body, at));
    let mut header = signatures.next().unwrap();
    for signature in signatures {
        header.push(',');
        header.push_str(signature.split_once(',').unwrap().1);
    }
    header
}
