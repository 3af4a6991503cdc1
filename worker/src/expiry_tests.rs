use std::sync::Mutex;

use tierlift_core::{
    account::Account,
    codes::Code,
    policy::{PolicyConfig, Role},
};

use super::*;
use crate::memory::Scripted;

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

/// An account whose role is `paid` and which earns nothing any more.
fn over(user: &str, policy: &Policy) -> (UserId, Option<Account>) {
    let user = UserId::new(user).unwrap();
    let account = Account { role: Role::new("paid"), ..Account::new(user.clone(), policy) };
    (user, Some(account))
}

/// One round; gives how many were due, and `user role` of each change that was pushed.
async fn round(store: &Scripted) -> (usize, Vec<String>) {
    let policy = Policy::new(PolicyConfig::default()).unwrap();
    let pushed = Mutex::new(Vec::new());
    let push = |change: Change| {
        pushed.lock().unwrap().push(format!("{} {}", change.user, change.role));
        std::future::ready(())
    };
    let due = expire_due(store, &policy, &Clock::new(|| NOW), push).await.unwrap();
    (due, pushed.into_inner().unwrap())
}

#[tokio::test]
async fn each_change_is_pushed_once_it_is_committed_and_no_other() {
    let policy = Policy::new(PolicyConfig::default()).unwrap();
    for refusal in [
        None,
        Some(StoreError::Conflict),
        Some(StoreError::Duplicate),
        Some(StoreError::TooLarge(Code::AccountTooLarge)),
        Some(StoreError::Corrupt("a damaged account".to_owned())),
        Some(StoreError::Unavailable("away".into())),
    ] {
        let what = format!("{refusal:?}");
        let expected: &[&str] = match refusal {
            None => &["ada free", "bob free", "cyd free"],
            Some(_) => &["ada free", "cyd free"],
        };
        let due = ["ada", "bob", "cyd"].map(|user| over(user, &policy)).to_vec();
        let store = Scripted { due, ..Scripted::refusing([None, refusal]) };
        assert_eq!(round(&store).await, (3, expected.iter().map(ToString::to_string).collect()));
        let committed = store.commits.into_inner().unwrap();
        assert_eq!(committed.len(), expected.len(), "{what}");
    }
}

#[tokio::test]
async fn an_account_that_cannot_be_read_holds_up_no_other() {
    let policy = Policy::new(PolicyConfig::default()).unwrap();
    let damaged = (UserId::new("ada").unwrap(), None);
    let store = Scripted { due: vec![damaged, over("bob", &policy)], ..Scripted::default() };
    assert_eq!(round(&store).await, (2, vec!["bob free".to_owned()]));
}

#[tokio::test]
async fn a_round_takes_as_many_accounts_as_its_limit() {
    let policy = Policy::new(PolicyConfig::default()).unwrap();
    let due = (0..=EXPIRIES_PER_ROUND_MAX).map(|n| over(&format!("user_{n}"), &policy)).collect();
    let store = Scripted { due, ..Scripted::default() };
    let (due, pushed) = round(&store).await;
    assert_eq!((due, pushed.len()), (EXPIRIES_PER_ROUND_MAX, EXPIRIES_PER_ROUND_MAX));
}
