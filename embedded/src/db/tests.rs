//! Tests of the file itself: whose it is, which version, and what survives.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tierlift_core::{
    account::Account,
    decide::assign,
    id::{CustomerId, EventId, UserId},
    policy::{Policy, PolicyConfig, Role},
    ports::{ChangeLog as _, DeadLetters, Enqueue, Enqueued, Group, Message, Queue, Store as _},
    stripe::event::Type,
    time::{Clock, Timestamp},
};

use super::{Db, OpenError};

pub(super) const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

pub(super) fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tierlift.db");
    (folder, path)
}

pub(super) fn open(path: &Path) -> Result<Db, OpenError> {
    Db::open(path, Clock::new(|| NOW))
}

pub(super) fn message(id: &str) -> Message {
    let event = EventId::new(id).unwrap();
    Message {
        group: Group::new(&event, CustomerId::new("cus_1").ok().as_ref()),
        kind: Type::SubscriptionUpdated,
        received_at: NOW,
        trace: None,
        body: "{}".into(),
        event,
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_at_the_next_start() {
    let (_folder, path) = folder();
    let db = open(&path).unwrap();
    for id in ["evt_1", "evt_2"] {
        assert_eq!(db.enqueue(message(id)).await.unwrap(), Enqueued::Queued);
    }
    // It was delivered and not settled, so the next start delivers it again.
    assert_eq!(db.receive(1).await.unwrap()[0].message, message("evt_1"));
    drop(db);
    let db = open(&path).unwrap();
    assert_eq!(db.depth().await.unwrap().queued, 2);
    assert_eq!(db.receive(1).await.unwrap()[0].message, message("evt_1"));
}

#[tokio::test]
async fn a_receiver_that_gave_up_takes_no_message() {
    let (_folder, path) = folder();
    let db = open(&path).unwrap();
    tokio::select! {
        biased;
        _ = db.receive(1) => panic!("there is nothing to receive"),
        () = std::future::ready(()) => {}
    }
    db.enqueue(message("evt_1")).await.unwrap();
    assert_eq!(db.receive(1).await.unwrap()[0].message, message("evt_1"));
}

#[test]
fn one_process_has_the_file() {
    let (_folder, path) = folder();
    let _first = open(&path).unwrap();
    let second = open(&path).unwrap_err();
    assert!(matches!(second, OpenError::InUse { .. }), "{second}");
    assert!(second.to_string().contains("one process per file"), "{second}");
}

#[cfg(unix)]
#[test]
fn a_link_to_the_file_is_the_file() {
    let (_folder, path) = folder();
    let _first = open(&path).unwrap();
    let link = path.with_file_name("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(open(&link).unwrap_err(), OpenError::InUse { .. }));
}

#[test]
fn a_newer_file_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    drop(open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let error = open(&path).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error}");
    assert!(error.to_string().contains("newer tierlift"), "{error}");
    let connection = Connection::open(&path).unwrap();
    let version: i64 = connection.pragma_query_value(None, "user_version", |r| r.get(0)).unwrap();
    assert_eq!(version, 99);
}

#[tokio::test]
async fn a_file_of_test_events_never_becomes_one_of_live_events() {
    let (_folder, path) = folder();
    for (livemode, ours) in [(false, true), (true, false), (false, true)] {
        let db = open(&path).unwrap();
        assert_eq!(db.claim(livemode).await.unwrap(), ours, "{livemode}");
    }
}

#[test]
fn somebody_elses_file_is_refused() {
    let (_folder, path) = folder();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
    std::fs::write(&path, "this is no database, but it is long enough to look at").unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, OpenError::Sql { .. }), "{error}");
    let nowhere = path.join("no/such/folder/tierlift.db");
    assert!(matches!(open(&nowhere).unwrap_err(), OpenError::Io { .. }));
}

#[tokio::test]
async fn commits_are_synced_to_disk() {
    let (_folder, path) = folder();
    let db = open(&path).unwrap();
    let settings = db
        .write(|tables| {
            let text = |pragma: &str| -> rusqlite::Result<String> {
                tables.connection.query_row(&format!("SELECT * FROM pragma_{pragma}"), (), |row| {
                    row.get::<_, rusqlite::types::Value>(0).map(|value| format!("{value:?}"))
                })
            };
            Ok((text("journal_mode")?, text("synchronous")?))
        })
        .await
        .unwrap();
    assert_eq!(settings, ("Text(\"wal\")".to_owned(), "Integer(2)".to_owned()));
}

#[tokio::test]
async fn the_ledger_forgets_what_is_older_than_its_time() {
    let policy =
        Policy::new(PolicyConfig { roles: vec!["free".to_owned()], ..PolicyConfig::default() })
            .unwrap();
    let (_folder, path) = folder();
    let db = open(&path).unwrap();
    let account = Account::new(UserId::new("ada").unwrap(), &policy);
    let commit = assign(account, Some(Role::new("operator")), &policy, NOW).unwrap();
    let event = commit.ledger.event.clone();
    db.commit(commit).await.unwrap();
    let account = Account::new(UserId::new("bob").unwrap(), &policy);
    db.commit(assign(account, Some(Role::new("operator")), &policy, NOW).unwrap()).await.unwrap();
    // The log of changes is kept for a shorter time.
    db.prune(NOW.plus_days(89), 10).await.unwrap();
    assert!(db.ledger(&event).await.unwrap().is_some());
    assert_eq!(db.prune(NOW.plus_days(90), 1).await.unwrap(), 1);
    assert!(db.ledger(&event).await.unwrap().is_none());
    assert_eq!(db.prune(NOW.plus_days(90), 10).await.unwrap(), 1);
}

#[tokio::test]
async fn followers_of_the_log_of_changes_go_on_in_a_file_of_the_schema_before() {
    let policy = PolicyConfig { roles: vec!["free".to_owned()], ..PolicyConfig::default() };
    let policy = Policy::new(policy).unwrap();
    let (_folder, path) = folder();
    let change = async |db: &Db, user: &str| {
        let account = Account::new(UserId::new(user).unwrap(), &policy);
        db.commit(assign(account, Some(Role::new("operator")), &policy, NOW).unwrap())
            .await
            .unwrap();
        db.latest_change().await.unwrap()
    };
    let db = open(&path).unwrap();
    let seen = change(&db, "ada").await;
    drop(db);
    let before = "
        ALTER TABLE changes RENAME TO uncounted;
        CREATE TABLE changes (
            position   INTEGER PRIMARY KEY AUTOINCREMENT,
            expires_at INTEGER NOT NULL,
            change     TEXT    NOT NULL
        ) STRICT;
        INSERT INTO changes SELECT * FROM uncounted;
        DROP TABLE uncounted;
        DROP TABLE webhooks;
        DROP TABLE webhook_users;
        DROP TABLE dead_webhooks;
        DROP TABLE webhook_place;
        PRAGMA user_version = 8;";
    Connection::open(&path).unwrap().execute_batch(before).unwrap();
    let db = open(&path).unwrap();
    assert_eq!(db.latest_change().await.unwrap(), seen);
    let next = change(&db, "bob").await;
    assert_eq!(next.position, seen.position + 1);
    let followed = db.changes_after(Some(seen), 9).await.unwrap().unwrap();
    assert_eq!(followed.iter().map(|it| it.cursor).collect::<Vec<_>>(), [next]);
}

#[cfg(unix)]
#[test]
fn a_new_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = folder();
    let _db = open(&path).unwrap();
    for beside in ["", "-wal"] {
        let file = format!("{}{beside}", path.display());
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{beside}");
    }
}
