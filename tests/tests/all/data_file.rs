//! The data file beside a running server: copied, moved, read by others.

use std::{fs, path::Path};

use rusqlite::Connection;
use serde_json::Value;
use tierlift_core::{limits::QUEUE_STALLED_AFTER_SECS, ports::Store as _};
use tierlift_embedded::{
    Db,
    db::{OpenError, check},
};
use tierlift_testkit::{
    clock::ManualClock,
    facts::user_id,
    harness::{client::Request, eventually},
};

use crate::server::{START, TestServer};

async fn readiness(server: &TestServer) -> (u16, Value) {
    let answer = server.send(Request::new("GET", "/readyz")).await;
    (answer.status, answer.json())
}

/// Waits until the file holds everything by itself, as its server says.
async fn complete(server: &TestServer) {
    eventually("the file is complete", async || {
        let metrics = server.send(Request::new("GET", "/metrics")).await.body;
        metrics.lines().any(|line| line == "tierlift_checkpoint_age_seconds 0")
            && server.db.file_health().is_complete
    })
    .await;
}

/// Copies the one file, and opens the copy.
fn open_copy(path: &Path, folder: &Path, name: &str) -> Result<Db, OpenError> {
    let copy = folder.join(name);
    fs::copy(path, &copy).unwrap();
    Db::open(&copy, ManualClock::new(START).clock())
}

#[tokio::test]
async fn a_copy_after_a_quiet_moment_has_every_customer() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.db");
    let server =
        TestServer::start_with(|settings| settings.data.clone_from(&data), |server| server).await;
    let users: Vec<String> = (0..100).map(|number| format!("user_{number}")).collect();
    for user in &users {
        server.subscription(user, "active").await;
    }
    eventually("all are applied", async || {
        let health = server.send(Request::new("GET", "/healthz")).await.json();
        health["queue"]["queued"] == 0
    })
    .await;
    complete(&server).await;
    let copy = open_copy(&data, folder.path(), "copy.db").unwrap();
    for user in &users {
        let account = copy.account(&user_id(user)).await.unwrap();
        assert!(account.is_some_and(|account| account.role.as_str() == "paid"), "{user}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_under_load_is_refused_or_whole() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.db");
    let server =
        TestServer::start_with(|settings| settings.data.clone_from(&data), |server| server).await;
    let (mut refused, mut whole) = (0, 0);
    for number in 0..100 {
        server.subscription(&format!("user_{number}"), "active").await;
        let name = format!("copy_{number}.db");
        match open_copy(&data, folder.path(), &name) {
            Ok(copy) => {
                drop(copy);
                assert_eq!(check(&folder.path().join(&name)).unwrap(), Vec::<String>::new());
                whole += 1;
            }
            Err(OpenError::Incomplete { .. }) => refused += 1,
            Err(error) => panic!("{error}"),
        }
        fs::remove_file(folder.path().join(&name)).unwrap();
    }
    assert_eq!(refused + whole, 100);
    assert!(refused > 0, "each copy lacks what was just acknowledged");
}

#[tokio::test]
async fn a_moved_file_is_answered_503_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.db");
    let server =
        TestServer::start_with(|settings| settings.data.clone_from(&data), |server| server).await;
    server.subscription("ada", "active").await;
    assert_eq!(readiness(&server).await.0, 200);
    let aside = folder.path().join("aside");
    fs::rename(&data, &aside).unwrap();
    let (status, problem) = readiness(&server).await;
    assert_eq!((status, &problem["code"]), (503, &"data.moved".into()));
    let webhook = server.event("ada", "unpaid");
    server.webhook(&webhook).await.assert(503, "queue.unavailable");
    server.send(Request::new("GET", "/healthz")).await.assert(200, "");
    fs::rename(&aside, &data).unwrap();
    assert_eq!(server.webhook(&webhook).await.status, 200);
    assert_eq!(readiness(&server).await.0, 200);
}

#[tokio::test]
async fn failing_commits_and_a_stalled_queue_are_reasons_not_to_be_ready() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.db");
    let server =
        TestServer::start_with(|settings| settings.data.clone_from(&data), |server| server).await;
    server.subscription("ada", "active").await;
    eventually("it is applied", async || {
        server.db.account(&user_id("ada")).await.unwrap().is_some()
    })
    .await;
    let other = Connection::open(&data).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // It waits for the lock as long as SQLite does, and gives up.
    let webhook = server.event("ada", "unpaid");
    server.webhook(&webhook).await.assert(503, "queue.unavailable");
    let (status, problem) = readiness(&server).await;
    assert_eq!((status, &problem["code"]), (503, &"queue.unavailable".into()));
    other.execute_batch("COMMIT").unwrap();
    eventually("it is ready again", async || readiness(&server).await.0 == 200).await;
    // The last event is applied, and an empty queue is never stalled.
    eventually("the queue is empty", async || {
        let health = server.send(Request::new("GET", "/healthz")).await.json();
        server.pass_secs(60);
        health["queue"]["queued"] == 0
    })
    .await;
    server.pass_secs(i64::try_from(QUEUE_STALLED_AFTER_SECS).unwrap());
    assert_eq!(readiness(&server).await.0, 200);
}
