//! An erasure leaves nothing of a user, in generated histories and wherever it is interrupted. What is left is read from
//! the data file itself, table by table.

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
use tierlift_core::{
    limits::ERASED_KEPT_DAYS,
    policy::Policy,
    ports::{DeadLetters as _, Enqueue as _},
    time::Timestamp,
};
use tierlift_embedded::{Db, Operator};
use tierlift_testkit::{
    clock::ManualClock,
    harness::eventually,
    world::{Delivery, World},
};

use crate::dry_run::{Deployment, message, policy};

/// Histories that are tried.
const WORLDS: u64 = 40;
/// Tables in which a user may still be named: the log of changes for a week, and messages that name somebody else or
/// are not applied yet.
const EXEMPT: [&str; 4] = ["changes", "dead_letters", "discarded", "queue"];

/// A data file at rest.
struct File {
    folder: TempDir,
    policy: Policy,
    clock: ManualClock,
}

impl File {
    /// That of a history which was applied; without the plan map, all of it that earns something is a dead letter.
    async fn of(world: &World, seed: u64, has_plans: bool) -> Self {
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

    fn path(&self) -> PathBuf {
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

    async fn ask(&self, method: Method, path: &str, body: &Value) -> Value {
        let (status, text) = self.open().await.answer(method, path, body.to_string()).await;
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn act(&self, path: &str, mut body: Value) -> Value {
        body["actor"] = "eve".into();
        body["reason"] = body["reason"].as_str().unwrap_or("a request").into();
        self.ask(Method::POST, &format!("/operations{path}"), &body).await
    }

    async fn erase(&self, user: &str) -> Value {
        self.clock.advance_secs(1);
        self.act("/erase", json!({ "user": user })).await
    }

    /// Begins to erase a user, and drops the request after it was polled that number of times. Returns whether it was done.
    async fn erase_interrupted(&self, user: &str, polls: usize) -> bool {
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

    async fn roles(&self, users: &BTreeSet<String>) -> BTreeMap<String, String> {
        let mut roles = BTreeMap::new();
        for user in users {
            roles.insert(user.clone(), self.role(user).await);
        }
        roles
    }

    /// The users that have accounts.
    fn users(&self) -> BTreeSet<String> {
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
fn cells(path: &Path, user: &str) -> Vec<(String, String)> {
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
fn check_gone(path: &Path, user: &str) {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_an_erased_user_and_nobody_else_gains_or_loses_by_it() {
    let (mut erased, mut shared) = (0, 0);
    for seed in 0..WORLDS {
        let world = World::generate(seed);
        let file = File::of(&world, seed, seed % 4 != 0).await;
        let users = file.users();
        let Some(user) = users.iter().nth(usize::try_from(seed).unwrap() % users.len().max(1))
        else {
            continue;
        };
        let mut others = file.roles(&users).await;
        others.remove(user);
        let answer = file.erase(user).await;
        check_gone(&file.path(), user);
        let mut after = file.roles(&users).await;
        assert_eq!(after.remove(user).as_ref(), world.rules.roles.first(), "seed {seed}");
        assert_eq!(after, others, "seed {seed}: {user} was erased: {answer}");
        let ledger = cells(&file.path(), answer["pseudonym"].as_str().unwrap());
        assert!(
            ledger.iter().all(|(table, _)| ["ledger", "changes"].contains(&table.as_str())),
            "{ledger:?}"
        );
        erased += answer["rows"].as_u64().unwrap();
        shared += u64::from(!others.is_empty());
    }
    assert!(erased > WORLDS && shared > WORLDS / 4, "{erased} rows, {shared} with others");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_that_was_interrupted_anywhere_is_finished_by_the_next() {
    let (mut polls, mut interrupted) = (1, 0);
    loop {
        let world = World::generate(3);
        let file = File::of(&world, 3, true).await;
        let user = file.users().into_iter().next().unwrap();
        let is_done = file.erase_interrupted(&user, polls).await;
        if !is_done {
            interrupted += 1;
            file.erase(&user).await;
        }
        check_gone(&file.path(), &user);
        if is_done {
            break;
        }
        polls += 1;
    }
    assert!(interrupted > 5, "{interrupted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_discarded_ones_and_notes_go_with_the_user_and_the_rest_after_a_month() {
    let world = World::generate(0);
    let file = File::of(&world, 0, false).await;
    let named = |user: &str| {
        let connection = Connection::open(file.path()).unwrap();
        let mut found =
            connection.prepare("SELECT event FROM dead_letters WHERE instr(body, ?1) > 0").unwrap();
        let of = format!("\"{user}\"");
        let events: Vec<String> =
            found.query_map((of,), |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        events
    };
    let users: BTreeSet<String> =
        world.events.iter().flat_map(|event| users_in(&event.body)).collect();
    let user = users.iter().max_by_key(|user| named(user).len()).unwrap();
    let events = named(user);
    assert!(events.len() > 1, "{events:?}");
    file.act("/dead-letters/discard", json!({ "event": events[0] })).await;
    let note = format!("{user} asked about it");
    file.act("/dead-letters/note", json!({ "group": "plan.unmapped", "reason": note })).await;
    file.act("/dead-letters/note", json!({ "group": "payload.malformed", "reason": "of nobody" }))
        .await;
    file.act("/grant", json!({ "user": user, "role": world.rules.roles.last(), "reason": note }))
        .await;
    file.act("/revoke", json!({ "user": user })).await;

    let answer = file.erase(user).await;
    assert_eq!(answer["notes"], 1, "{answer}");
    assert!(answer["deadLetters"].as_u64().unwrap() > 1, "{answer}");
    check_gone(&file.path(), user);
    let discarded = cells(&file.path(), user).into_iter().filter(|(table, _)| table == "discarded");
    assert_eq!(discarded.count(), 0);
    let acts = file.ask(Method::GET, "/operations/ledger?actsOnly=true", &Value::Null).await;
    let texts: Vec<_> = acts["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["reason"].as_str().unwrap())
        .collect();
    assert!(texts.contains(&"(erased)") && texts.contains(&"a request"), "{texts:?}");

    // Until then the row refuses the tokens of before.
    let db = Db::open(&file.path(), file.clock.clock()).unwrap();
    let days = |days: i64| file.clock.now().plus_days(days);
    let left = || {
        Connection::open(file.path())
            .unwrap()
            .query_row("SELECT count(*) FROM accounts WHERE user = ?1", (user,), |row| {
                row.get::<_, u32>(0)
            })
            .unwrap()
    };
    db.prune(days(ERASED_KEPT_DAYS - 1), 100).await.unwrap();
    assert_eq!(left(), 1);
    db.prune(days(ERASED_KEPT_DAYS + 1), 100).await.unwrap();
    assert_eq!(left(), 0);
    assert!(db.depth().await.unwrap().dead > 0, "what concerns others stays");
}

/// The users that the metadata of an event names.
fn users_in(body: &Value) -> Vec<String> {
    match body {
        Value::Object(fields) => {
            let own = fields
                .get("user_id")
                .or(fields.get("userId"))
                .or(fields.get("client_reference_id"));
            let own = own.and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(fields.values().flat_map(users_in)).collect()
        }
        Value::Array(items) => items.iter().flat_map(users_in).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}
