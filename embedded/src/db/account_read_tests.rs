//! Accounts are read from memory, and are never older than a commit that was reported before.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tierlift_core::{
    account::Account,
    decide::assign,
    id::UserId,
    policy::{Policy, PolicyConfig, Role},
    ports::{Store as _, StoreError},
    time::{Clock, Timestamp},
};

use super::Db;

const AT: Timestamp = Timestamp::from_secs(1_795_000_000);

fn policy() -> Policy {
    Policy::new(PolicyConfig::default()).unwrap()
}

fn open(folder: &tempfile::TempDir) -> Db {
    Db::open(&folder.path().join("tierlift.db"), Clock::new(|| AT)).unwrap()
}

async fn toggle(db: &Db, user: &UserId) -> Result<u64, StoreError> {
    let account = db.account(user).await?;
    let account = account.unwrap_or_else(|| Account::new(user.clone(), &policy()));
    let role = account.manual_role.is_none().then(|| Role::new("paid"));
    let next = account.version.next().0;
    db.commit(assign(account, role, &policy(), AT).unwrap()).await.map(|()| next)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_read_is_as_new_as_the_latest_reported_commit() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder);
    let users: Vec<_> = (0..8).map(|n| UserId::new(&format!("user_{n}")).unwrap()).collect();
    let tasks = users.iter().map(|user| {
        let (db, user, reported) = (db.clone(), user.clone(), Arc::new(AtomicU64::new(0)));
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let (db, user, reported) = (db.clone(), user.clone(), Arc::clone(&reported));
                tokio::spawn(async move {
                    while reported.load(Ordering::SeqCst) < 200 {
                        let before = reported.load(Ordering::SeqCst);
                        let read = db.account(&user).await.unwrap();
                        let version = read.map_or(0, |account| account.version.0);
                        assert!(version >= before, "{version} after {before}");
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        tokio::spawn(async move {
            for _ in 0..200 {
                reported.store(toggle(&db, &user).await.unwrap(), Ordering::SeqCst);
            }
            for reader in readers {
                reader.await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    // What is in memory is what is in the file.
    let mut known = Vec::new();
    for user in &users {
        known.push(db.account(user).await.unwrap());
    }
    drop(db);
    let db = open(&folder);
    for (user, known) in users.iter().zip(known) {
        assert_eq!(db.account(user).await.unwrap(), known);
    }
}

#[tokio::test]
async fn a_refused_commit_changes_nothing_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder);
    let ada = UserId::new("ada").unwrap();
    toggle(&db, &ada).await.unwrap();
    let known = db.account(&ada).await.unwrap();
    let old = Account::new(ada.clone(), &policy());
    let commit = assign(old, Some(Role::new("operator")), &policy(), AT.plus_secs(9)).unwrap();
    assert!(db.commit(commit).await.is_err());
    assert_eq!(db.account(&ada).await.unwrap(), known);
}
