//! Changes on their way to a host: webhooks that are signed, in order for each user, each change once by its id; and the
//! changes that it follows. Whatever is killed.

mod follower;
mod host;
mod received;
mod storm;

use std::net::SocketAddr;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tierlift_core::{
    account::Account, decide::assign, limits::WEBHOOK_TRIED_HOURS, policy::Role, ports::Store as _,
    time::Timestamp, token::ServiceTokens, webhook::Secrets,
};
use tierlift_embedded::{Db, Operator, RunError, Server};
use tierlift_testkit::{
    clock::ManualClock,
    facts::{policy, user_id},
    harness::eventually,
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use self::host::Host;
use crate::{
    doors::SERVICE_TOKEN,
    server::{START, settings},
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A deployment that sends webhooks to a host.
struct Deployment {
    folder: TempDir,
    clock: ManualClock,
}

/// A running server of it.
struct Running {
    address: SocketAddr,
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
            let mut settings = settings(&self.folder, self.clock.clock());
            let list = format!("web:{SERVICE_TOKEN}");
            settings.service_tokens = ServiceTokens::parse(&list).unwrap();
            server = Server::open(settings).await.ok();
            server.is_some()
        })
        .await;
        let mut server = server.unwrap();
        if let Some(address) = host {
            let url = format!("http://{address}/hooks").parse().unwrap();
            server = server.with_webhooks_out(url, Secrets::parse(SECRET).unwrap()).unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, db) = (listener.local_addr().unwrap(), server.db().clone());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.run(listener, async { stopped.await.unwrap_or(()) }));
        Running { address, db, stop, task }
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
