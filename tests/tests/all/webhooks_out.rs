//! Webhooks to the host: signed, in order for each user, each change once by its id, whatever is killed.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    http::{HeaderMap, Method, StatusCode},
    routing::post,
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;
use tierlift_core::{
    account::Account, decide::assign, id::UserId, limits::WEBHOOK_TRIED_HOURS, policy::Role,
    ports::Store as _, time::Timestamp, webhook::Secrets,
};
use tierlift_embedded::{Db, Operator, RunError, Server};
use tierlift_testkit::{
    clock::ManualClock,
    facts::{policy, user_id},
    harness::{eventually, eventually_within},
    random::Random,
};
use tokio::{net::TcpListener, runtime::Runtime, sync::oneshot, task::JoinHandle};

use crate::server::{START, settings};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A webhook as it arrived.
#[derive(Clone, Debug, PartialEq)]
struct Arrival {
    id: String,
    body: Value,
    status: StatusCode,
}

impl Arrival {
    fn number(&self, pointer: &str) -> u64 {
        self.body.pointer(pointer).unwrap().as_u64().unwrap()
    }

    /// Whether the host worked on it: a 500 is of what fails after that.
    fn is_worked_on(&self) -> bool {
        self.status.is_success() || self.status == StatusCode::INTERNAL_SERVER_ERROR
    }

    fn user(&self) -> &str {
        self.body["data"]["userId"].as_str().unwrap()
    }
}

/// What the host answers to a webhook.
type Answer = dyn Fn(&Arrival) -> StatusCode + Send + Sync;

/// A host that takes webhooks. It can be killed, and started again at the same address.
struct Host {
    address: SocketAddr,
    arrived: Arc<Mutex<Vec<Arrival>>>,
    answer: Arc<Answer>,
    runtime: Option<Runtime>,
}

impl Host {
    fn start(answer: impl Fn(&Arrival) -> StatusCode + Send + Sync + 'static) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut host =
            Self { address, arrived: Arc::default(), answer: Arc::new(answer), runtime: None };
        host.restart();
        host
    }

    fn restart(&mut self) {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().unwrap();
        let (arrived, answer) = (Arc::clone(&self.arrived), Arc::clone(&self.answer));
        let take = async move |headers: HeaderMap, body: String| {
            let mut arrival = verified(&headers, &body);
            arrival.status = answer(&arrival);
            let status = arrival.status;
            arrived.lock().unwrap().push(arrival);
            status
        };
        let routes = Router::new().route("/hooks", post(take));
        let listener = std::net::TcpListener::bind(self.address).unwrap();
        listener.set_nonblocking(true).unwrap();
        self.address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            axum::serve(TcpListener::from_std(listener).unwrap(), routes).await.unwrap();
        });
        self.runtime = Some(runtime);
    }

    /// Ends it with all of its connections.
    fn kill(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }

    fn arrived(&self) -> Vec<Arrival> {
        self.arrived.lock().unwrap().clone()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The webhook, if its signature is that of its id, time and body.
fn verified(headers: &HeaderMap, body: &str) -> Arrival {
    let header = |name: &str| headers[name].to_str().unwrap();
    let at = Timestamp::from_secs(header("webhook-timestamp").parse().unwrap());
    let id = header("webhook-id").to_owned();
    let expected = Secrets::parse(SECRET).unwrap().signature(&id, at, body);
    assert_eq!(header("webhook-signature"), expected);
    assert_eq!(header("content-type"), "application/json");
    Arrival { id, body: serde_json::from_str(body).unwrap(), status: StatusCode::OK }
}

/// A deployment that sends webhooks to a host.
struct Deployment {
    folder: TempDir,
    clock: ManualClock,
}

/// A running server of it.
struct Running {
    db: Db,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), RunError>>,
}

impl Deployment {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), clock: ManualClock::new(START) }
    }

    /// Starts a server, once the one before has let the data file go.
    async fn start(&self, host: Option<SocketAddr>) -> Running {
        let mut server = None;
        eventually("the data file is free", async || {
            server = Server::open(settings(&self.folder, self.clock.clock())).await.ok();
            server.is_some()
        })
        .await;
        let mut server = server.unwrap();
        if let Some(address) = host {
            let url = format!("http://{address}/hooks").parse().unwrap();
            server = server.with_webhooks_out(url, Secrets::parse(SECRET).unwrap()).unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (db, (stop, stopped)) = (server.db().clone(), oneshot::channel());
        let task = tokio::spawn(server.run(listener, async { stopped.await.unwrap_or(()) }));
        Running { db, stop, task }
    }
}

impl Running {
    async fn stop(self) {
        drop(self.db);
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }

    /// Drops everything where it is.
    async fn kill(self) {
        drop(self.db);
        self.task.abort();
        let _ = self.task.await;
    }

    /// Gives a user the other role, so often.
    async fn toggle(&self, user: &str, times: usize, now: Timestamp) {
        for _ in 0..times {
            let known = self.db.account(&user_id(user)).await.unwrap();
            let account = known.unwrap_or_else(|| Account::new(user_id(user), &policy()));
            let role = account.manual_role.is_none().then(|| Role::new("paid"));
            let commit = assign(account, role, &policy(), now).unwrap();
            self.db.commit(commit).await.unwrap();
        }
    }

    async fn has_sent_all(&self) -> bool {
        let latest = tierlift_core::ports::ChangeLog::latest_change(&self.db).await.unwrap();
        // What is taken is counted afterwards: between the two a change may be taken, and not be sent.
        let taken = self.db.webhooks_taken().await.unwrap();
        taken == Some(latest.position) && self.db.webhooks_waiting().await.unwrap().pending == 0
    }
}

#[tokio::test]
async fn every_change_is_sent_signed_with_what_sockets_get() {
    let (deployment, host) = (Deployment::new(), Host::start(|_| StatusCode::OK));
    let running = deployment.start(Some(host.address)).await;
    eventually("it has begun", async || running.has_sent_all().await).await;
    running.toggle("ada", 1, START).await;
    eventually("it has arrived", async || host.arrived().len() == 1).await;
    let [arrival] = &host.arrived()[..] else { panic!() };
    assert_eq!(
        (&arrival.body["type"], &arrival.body["sequence"], &arrival.body["timestamp"]),
        (&json!("role.upgraded"), &json!(1), &json!(START.to_string()))
    );
    let data = &arrival.body["data"];
    assert_eq!((&data["userId"], &data["role"]), (&json!("ada"), &json!("paid")));
    assert_eq!((&data["previousRole"], &data["revocationId"]), (&json!("free"), &json!(1)));
    eventually("it is settled", async || running.has_sent_all().await).await;
    running.stop().await;
    // What is accepted is not sent again, and what came before the first start never is.
    let running = deployment.start(Some(host.address)).await;
    running.toggle("ada", 1, START.plus_secs(1)).await;
    eventually("the next has arrived", async || host.arrived().len() == 2).await;
    assert_eq!(host.arrived()[1].body["type"], "role.downgraded");
    running.stop().await;
    let (late, host) = (Deployment::new(), Host::start(|_| StatusCode::OK));
    let running = late.start(None).await;
    running.toggle("ada", 5, START).await;
    running.stop().await;
    let running = late.start(Some(host.address)).await;
    eventually("it has begun", async || running.has_sent_all().await).await;
    running.toggle("ada", 1, START).await;
    eventually("the next has arrived", async || !host.arrived().is_empty()).await;
    assert_eq!(host.arrived()[0].number("/sequence"), 6);
    running.stop().await;
}

#[tokio::test]
async fn what_is_refused_for_too_long_is_dead_until_an_operator_redrives_it() {
    let deployment = Deployment::new();
    let host = Host::start(|arrival| {
        let is_refused = arrival.user() == "ada" && arrival.number("/sequence") == 1;
        if is_refused { StatusCode::BAD_GATEWAY } else { StatusCode::NO_CONTENT }
    });
    let running = deployment.start(Some(host.address)).await;
    eventually("it has begun", async || running.has_sent_all().await).await;
    running.toggle("ada", 2, START).await;
    running.toggle("bob", 1, START).await;
    let of = |user: &str| {
        let arrived = host.arrived().into_iter().filter(|arrival| arrival.user() == user);
        arrived.map(|arrival| arrival.number("/sequence")).collect::<Vec<_>>()
    };
    eventually("others go on", async || of("bob") == [3]).await;
    eventually("it is tried again", async || {
        deployment.clock.advance_secs(60);
        of("ada").len() > 2
    })
    .await;
    assert!(of("ada").iter().all(|sequence| *sequence == 1), "the next waits behind it");
    let waiting = running.db.webhooks_waiting().await.unwrap();
    let error = waiting.error.as_deref();
    assert_eq!((waiting.pending, waiting.dead, error), (2, 0, Some("the host answered 502")));
    deployment.clock.advance_secs(WEBHOOK_TRIED_HOURS * 3_600);
    eventually("the next is sent", async || of("ada").last() == Some(&2)).await;
    eventually("both are settled", async || running.has_sent_all().await).await;
    let dead = running.db.dead_webhooks(0, 9).await.unwrap();
    assert_eq!((dead.len(), dead[0].webhook.position), (1, 1));
    let id = dead[0].webhook.id.clone();
    running.stop().await;

    // Operators list it, and have it sent again.
    let clock = deployment.clock.clock();
    let data = deployment.folder.path().join("tierlift.db");
    let operator = Operator::open(&data, policy(), Vec::new(), clock).unwrap();
    let ask = async |method: Method, path: &str, body: Value| {
        let path = format!("/operations/webhooks{path}");
        let (status, text) = operator.answer(method, &path, body.to_string()).await;
        (status.as_u16(), serde_json::from_str::<Value>(&text).unwrap())
    };
    assert_eq!(ask(Method::GET, "", Value::Null).await.1["dead"], 1);
    let (_, page) = ask(Method::GET, "/dead", Value::Null).await;
    let row = &page["rows"][0];
    assert_eq!(
        (&row["id"], &row["user"], &row["sequence"]),
        (&json!(id), &json!("ada"), &json!(1))
    );
    let act = json!({ "ids": [id, "msg_none"], "actor": "eve", "reason": "host is back" });
    assert_eq!(ask(Method::POST, "/redrive", act.clone()).await, (200, json!({ "count": 1 })));
    assert_eq!(ask(Method::POST, "/redrive", act).await, (200, json!({ "count": 0 })));
    let unsigned = json!({ "ids": [], "actor": "eve" });
    assert_eq!(ask(Method::POST, "/redrive", unsigned).await.0, 400);
    drop(operator);
    let (before, running) = (of("ada").len(), deployment.start(Some(host.address)).await);
    eventually("it is sent again", async || of("ada").len() > before).await;
    assert_eq!(host.arrived().last().unwrap().id, id, "with the id that it had");
    running.stop().await;
}

#[tokio::test]
async fn a_gap_is_seen_by_its_sequence() {
    let (deployment, host) = (Deployment::new(), Host::start(|_| StatusCode::OK));
    let running = deployment.start(Some(host.address)).await;
    eventually("it has begun", async || running.has_sent_all().await).await;
    running.toggle("ada", 1, START).await;
    eventually("it is sent", async || running.has_sent_all().await).await;
    running.stop().await;
    // Nobody sends for longer than the log is kept.
    let running = deployment.start(None).await;
    running.toggle("ada", 2, START).await;
    deployment.clock.advance_secs(8 * 24 * 60 * 60);
    running.toggle("ada", 1, deployment.clock.now()).await;
    while running.db.prune(deployment.clock.now(), 1_000).await.unwrap() > 0 {}
    running.stop().await;
    let running = deployment.start(Some(host.address)).await;
    eventually("it goes on", async || running.has_sent_all().await).await;
    let sequences: Vec<_> = host.arrived().iter().map(|it| it.number("/sequence")).collect();
    assert_eq!(sequences, [1, 4]);
    running.stop().await;
}

/// How many changes are sent: more of them with `TIERLIFT_WEBHOOK_CHANGES`.
fn changes() -> usize {
    let number = std::env::var("TIERLIFT_WEBHOOK_CHANGES").ok();
    number.map_or(2_000, |number| number.parse().unwrap())
}

/// Each change is worked on, and those of a user in order without a gap, if repeats are left out by their ids.
fn check(arrived: &[Arrival], expected: &BTreeMap<UserId, u64>) {
    let mut seen = BTreeSet::new();
    let first: Vec<_> =
        arrived.iter().filter(|it| it.is_worked_on() && seen.insert(it.id.clone())).collect();
    let mut of_users: BTreeMap<UserId, Vec<u64>> = BTreeMap::new();
    for arrival in &first {
        let revocation_id = arrival.number("/data/revocationId");
        of_users.entry(user_id(arrival.user())).or_default().push(revocation_id);
    }
    let counted: BTreeMap<_, _> =
        expected.iter().map(|(user, count)| (user.clone(), (1..=*count).collect())).collect();
    assert_eq!(of_users, counted);
    let sequences: BTreeSet<_> = first.iter().map(|it| it.number("/sequence")).collect();
    assert!(sequences.into_iter().eq(1..=u64::try_from(first.len()).unwrap()), "a gap");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_arrives_in_order_whatever_is_killed() {
    let seed = 0x7121;
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let refusing = Mutex::new(Random::new(seed + 1));
    // Some are refused, and some are worked on and fail after that.
    let mut host = Host::start(move |_| match refusing.lock().unwrap().below(40) {
        0 => StatusCode::INTERNAL_SERVER_ERROR,
        1 => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::OK,
    });
    let deployment = Deployment::new();
    let first = deployment.start(Some(host.address)).await;
    eventually("it has begun", async || first.has_sent_all().await).await;
    first.stop().await;
    let users: Vec<String> = (0..25).map(|n| format!("user_{n}")).collect();
    let rounds = 10;
    let each = changes() / rounds / users.len();
    let mut is_up = true;
    for _ in 0..rounds {
        let running = deployment.start(Some(host.address)).await;
        let turn = random.below(4);
        if turn == 0 && is_up {
            host.kill();
        } else if !is_up {
            host.restart();
        }
        is_up = host.runtime.is_some();
        let now = deployment.clock.now();
        join_all(users.iter().map(|user| running.toggle(user, each, now))).await;
        let wanted = host.arrived().len() + random.below(users.len() * each);
        if is_up {
            eventually_within(Duration::from_mins(2), "some arrive", async || {
                deployment.clock.advance_secs(1);
                host.arrived().len() >= wanted || running.has_sent_all().await
            })
            .await;
        }
        if turn < 3 { running.kill().await } else { running.stop().await }
    }
    if !is_up {
        host.restart();
    }
    let running = deployment.start(Some(host.address)).await;
    eventually_within(Duration::from_mins(10), "all arrive", async || {
        deployment.clock.advance_secs(1);
        running.has_sent_all().await
    })
    .await;
    let mut expected = BTreeMap::new();
    for user in &users {
        let account = running.db.account(&user_id(user)).await.unwrap().unwrap();
        expected.insert(account.user, account.revocation_id.0);
    }
    let (arrived, total) = (host.arrived(), expected.values().sum::<u64>());
    println!("{total} changes arrived in {} tries", arrived.len());
    assert_eq!(total, u64::try_from(rounds * each * users.len()).unwrap());
    check(&arrived, &expected);
    running.stop().await;
}
