//! A system clock that is wrong for a while, and what it leaves behind: nothing.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use serde_json::Value;
use tierlift_core::time::{Clock, SteadyClock, Timestamp};
use tierlift_testkit::{
    clock::ManualClock,
    harness::{NEVER_STALE, eventually, now, socket::Socket, tools},
    webhook,
};

use crate::{
    server::{START, TestServer},
    tierlift::{Home, Tierlift},
};

const DAY: i64 = 86_400;

/// The error of a machine's clock, in seconds.
#[derive(Clone, Default)]
struct ClockError(Arc<AtomicI64>);

impl ClockError {
    fn set(&self, secs: i64) {
        self.0.store(secs, Ordering::SeqCst);
    }

    /// The clock of a machine whose time since its start is `truth`, and whose system's time is wrong.
    fn clock(&self, truth: &ManualClock) -> Clock {
        let (error, truth, ticks) = (self.clone(), truth.clone(), truth.clone());
        Clock::new(SteadyClock::new(
            move || truth.now().plus_secs(error.0.load(Ordering::SeqCst)),
            move || ticks.now().as_micros(),
        ))
    }
}

/// A server on a machine whose clock a test sets wrong, from the start by that much.
async fn server(error: &ClockError, data: Option<&std::path::Path>) -> TestServer {
    TestServer::start_on(ManualClock::new(START), |settings, truth| {
        settings.clock = error.clock(truth);
        if let Some(data) = data {
            data.clone_into(&mut settings.data);
        }
    })
    .await
}

/// Waits until maintenance has seen whether the clock can be trusted.
async fn maintained(server: &TestServer, uncertain: &str) {
    let line = format!("tierlift_clock_uncertain {uncertain}");
    eventually("maintenance has looked at the clock", async || {
        server.get("/metrics", "").await.body.lines().any(|it| it == line)
    })
    .await;
}

async fn session(server: &TestServer, user: &str) -> Value {
    server.get("/session", &server.token(user, NEVER_STALE)).await.json()
}

async fn is_paid(server: &TestServer, socket: &mut Socket) -> Value {
    let mut state = Value::Null;
    eventually("the purchase is applied", async || {
        state = socket.sync().await;
        state["role"] == "paid"
    })
    .await;
    assert_eq!(session(server, "ada").await["role"], "paid");
    state
}

#[tokio::test]
async fn a_clock_that_is_60_days_ahead_for_seconds_ends_nobodys_role_and_deletes_nothing() {
    let error = ClockError::default();
    let server = server(&error, None).await;
    let [mut ada] = server.sockets(["ada"]).await;
    server.subscription("ada", "active").await;
    let before = is_paid(&server, &mut ada).await;
    for ahead in [60 * DAY, 91 * DAY] {
        error.set(ahead);
        maintained(&server, "1").await;
        assert_eq!(session(&server, "ada").await["role"], "paid");
        // Stripe's clock is right, and so is the server's own.
        server.subscription("ada", "active").await;
        error.set(0);
        maintained(&server, "0").await;
    }
    let after = ada.sync().await;
    assert_eq!(after["role"], "paid");
    assert_eq!(after["revocationId"], before["revocationId"], "nobody was logged out");
    let first = webhook::subscription("evt_0", "ada", "active", START).to_string();
    server.webhook(&first).await.assert(200, "");
    eventually("the ledger knows the first event", async || {
        let metrics = server.get("/metrics", "").await.body;
        metrics.lines().any(|line| {
            line.starts_with("tierlift_events_total{outcome=\"duplicate\"") && line.ends_with(" 1")
        })
    })
    .await;
}

#[tokio::test]
async fn what_was_ended_by_a_clock_that_was_wrong_at_the_start_is_given_back_and_ends_when_it_is_due()
 {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.db");
    let error = ClockError::default();
    let mut first = server(&error, Some(&data)).await;
    let [mut ada] = first.sockets(["ada"]).await;
    first.subscription("ada", "active").await;
    is_paid(&first, &mut ada).await;
    drop(ada);
    first.stop();
    first.ended().await.unwrap();

    error.set(60 * DAY);
    let server = server(&error, Some(&data)).await;
    // Tokens are judged by the wrong clock, too.
    let token = |at: Timestamp| tierlift_testkit::harness::token("ada", NEVER_STALE, at);
    let mut ada = server.socket(&token(START.plus_secs(60 * DAY))).await;
    eventually("her role is ended by the wrong clock", async || {
        let state = ada.sync().await;
        state["role"] == "free" && state["revocationId"] == 2
    })
    .await;

    // The clock is put right. Stripe's next delivery proves it, whoever it is about.
    error.set(0);
    server.skip_events(10);
    server.subscription("bob", "active").await;
    eventually("her role is given back", async || {
        let state = ada.sync().await;
        state["role"] == "paid" && state["revocationId"] == 3
    })
    .await;

    server.pass_secs(59 * DAY);
    let mut later = server.socket(&server.token("ada", NEVER_STALE)).await;
    eventually("it ends when it is due", async || {
        let state = later.sync().await;
        state["role"] == "free" && state["revocationId"] == 4
    })
    .await;
}

#[tokio::test]
async fn a_jump_of_the_systems_clock_is_survived_by_the_program() {
    let home = Home::new("[plans]\nprice_pro = \"paid\"\n");
    let offset = home.file("faketime");
    let jump = |offset_text: &str| {
        let next = offset.with_extension("next");
        fs::write(&next, offset_text).unwrap();
        fs::rename(&next, &offset).unwrap();
    };
    jump("+0");
    let server = home.serve_with(|command| {
        // The library moves the time of the system for this process, and reads the file each time.
        command.env("LD_PRELOAD", tools::faketime()).env("FAKETIME_TIMESTAMP_FILE", &offset);
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    });
    server.accepts(&webhook::subscription("evt_1", "ada", "active", now())).await;
    let (mut ada, _) = server.socket("ada").await;
    eventually("she has paid", async || ada.sync().await["role"] == "paid").await;

    jump("+60d");
    gauge(&server, "tierlift_clock_uncertain", "1").await;
    assert_eq!(server.session("ada").await["role"], "paid");
    server.accepts(&webhook::subscription("evt_2", "bob", "active", now())).await;
    jump("+0");
    gauge(&server, "tierlift_clock_uncertain", "0").await;
    let state = ada.sync().await;
    assert_eq!((&state["role"], &state["revocationId"]), (&"paid".into(), &1.into()));
    server.finish().await;
    let log = fs::read_to_string(home.log()).unwrap();
    assert!(log.contains("the system's clock jumped"), "{log}");
}

async fn gauge(server: &Tierlift, name: &str, value: &str) {
    let line = format!("{name} {value}");
    eventually("the gauge shows it", async || {
        let metrics = server.client().await.get("/metrics", &[]).await.unwrap().body;
        metrics.lines().any(|it| it == line)
    })
    .await;
}
