//! A data file in which users are erased, and what is left of them there.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future as _,
    path::{Path, PathBuf},
    task::Poll,
};

use axum::http::Method;
use rusqlite::{Connection, types::ValueRef};
use serde_json::{Value, json};
use tempfile::TempDir;
use tierlift_core::{policy::Policy, ports::Enqueue as _, time::Timestamp};
use tierlift_embedded::Operator;
use tierlift_testkit::{
    clock::ManualClock,
    harness::eventually,
    world::{Delivery, World},
};

use crate::dry_run::{Deployment, message, policy};

/// Tables in which a user may still be named: the log of changes for a week, and messages that name somebody else or
/// are not applied yet.
const EXEMPT: [&str; 4] = ["changes", "dead_letters", "discarded", "queue"];

/// A data file at rest.
pub(crate) struct File {
    folder: TempDir,
    policy: Policy,
    pub(crate) clock: ManualClock,
}

impl File {
    /// That of a history which was applied; without the plan map, all of it that earns something is a dead letter.
    pub(crate) async fn of(world: &World, seed: u64, has_plans: bool) -> Self {
        let now = Timestamp::from_secs(world.now);
        let deployment = Deployment::new(now);
        let policy = policy(world, has_plans);
        for event in Delivery::shuffle(world, seed) {
            let Some(message) = message(event, now) else { continue };
            deployment.db.enqueue(message).await.unwrap();
            deployment.apply(&policy).await;
        }
        let Deployment { db, folder, .. } = deployment;
        drop(db);
        Self { folder, policy, clock: ManualClock::new(now) }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("tierlift.db")
    }

    /// Opens the file. A request that was interrupted holds it until the reads that it began are over.
    async fn open(&self) -> Operator {
        let mut opened = None;
        eventually("the file can be opened", async || {
            let (policy, clock) = (self.policy.clone(), self.clock.clock());
            opened = Operator::open(&self.path(), policy, Vec::new(), clock).ok();
            opened.is_some()
        })
        .await;
        opened.unwrap()
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, body: &Value) -> Value {
        let (status, text) = self.open().await.answer(method, path, body.to_string()).await;
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) async fn act(&self, path: &str, mut body: Value) -> Value {
        body["actor"] = "eve".into();
        body["reason"] = body["reason"].as_str().unwrap_or("a request").into();
        self.ask(Method::POST, &format!("/operations{path}"), &body).await
    }

    pub(crate) async fn erase(&self, user: &str) -> Value {
        self.clock.advance_secs(1);
        self.act("/erase", json!({ "user": user })).await
    }

    /// Begins to erase a user, and drops the request after it was polled that number of times. Returns whether it was done.
    pub(crate) async fn erase_interrupted(&self, user: &str, polls: usize) -> bool {
        self.clock.advance_secs(1);
        let operator = self.open().await;
        let body = json!({ "user": user, "actor": "eve", "reason": "a request" }).to_string();
        let answer = operator.answer(Method::POST, "/operations/erase", body);
        let mut answer = std::pin::pin!(answer);
        let mut left = polls;
        std::future::poll_fn(|context| {
            left -= 1;
            match answer.as_mut().poll(context) {
                Poll::Ready(_) => Poll::Ready(true),
                Poll::Pending if left == 0 => Poll::Ready(false),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    async fn role(&self, user: &str) -> String {
        let path = format!("/operations/explain?user={user}");
        let explained = self.ask(Method::GET, &path, &Value::Null).await;
        explained["role"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn roles(&self, users: &BTreeSet<String>) -> BTreeMap<String, String> {
        let mut roles = BTreeMap::new();
        for user in users {
            roles.insert(user.clone(), self.role(user).await);
        }
        roles
    }

    /// The users that have accounts.
    pub(crate) fn users(&self) -> BTreeSet<String> {
        let connection = Connection::open(self.path()).unwrap();
        let mut users = connection.prepare("SELECT user FROM accounts").unwrap();
        users.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }
}

/// Whether a text has a word in it.
fn has_word(text: &str, word: &str) -> bool {
    let is_part =
        |byte: Option<&u8>| byte.is_some_and(|it| it.is_ascii_alphanumeric() || *it == b'_');
    text.match_indices(word).any(|(at, _)| {
        let bytes = text.as_bytes();
        !is_part(at.checked_sub(1).and_then(|at| bytes.get(at)))
            && !is_part(bytes.get(at + word.len()))
    })
}

/// Every cell of the file that names a user, with its table.
pub(crate) fn cells(path: &Path, user: &str) -> Vec<(String, String)> {
    let connection = Connection::open(path).unwrap();
    let mut tables =
        connection.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").unwrap();
    let tables: Vec<String> =
        tables.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut found = Vec::new();
    for table in tables {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query(()).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..columns {
                let (ValueRef::Text(bytes) | ValueRef::Blob(bytes)) = row.get_ref(column).unwrap()
                else {
                    continue;
                };
                let text = String::from_utf8_lossy(bytes).into_owned();
                if has_word(&text, user) {
                    found.push((table.clone(), text));
                }
            }
        }
    }
    found
}

/// What is left of a user is the row that says which of their tokens are refused.
pub(crate) fn check_gone(path: &Path, user: &str) {
    for (table, text) in cells(path, user) {
        let is_account = table == "accounts" && (text == user || is_blank(&text));
        assert!(is_account || EXEMPT.contains(&table.as_str()), "{user} in {table}: {text}");
    }
}

fn is_blank(account: &str) -> bool {
    let account: Value = serde_json::from_str(account).unwrap();
    let is_empty = |it: &Value| it.as_object().is_none_or(serde_json::Map::is_empty);
    is_empty(&account["grants"])
        && account["manual_role"].is_null()
        && account["role_assigned_by"].is_null()
        && !account["tokens_revoked_before"].is_null()
}
