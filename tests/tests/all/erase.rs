//! An erasure leaves nothing of a user, in generated histories and wherever it is interrupted.

use std::collections::BTreeSet;

use axum::http::Method;
use rusqlite::Connection;
use serde_json::{Value, json};
use tierlift_core::{limits::ERASED_KEPT_DAYS, ports::DeadLetters as _};
use tierlift_embedded::Db;
use tierlift_testkit::world::World;

use crate::erased_file::{File, cells, check_gone};

/// Histories that are tried.
const WORLDS: u64 = 40;

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
