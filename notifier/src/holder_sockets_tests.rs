use std::{collections::HashMap, sync::Mutex};

use tierlift_core::{
    account::Account,
    change::{Change, ChangeRecord},
    decide,
    policy::{Policy, PolicyConfig},
    ports::Holder,
    token::TokenTimes,
};

use super::*;
use crate::{
    memory::{Accounts, HeldSockets, ManualClock, START, access, user},
    notify_all,
};

fn policy() -> Policy {
    Policy::new(PolicyConfig::default()).unwrap()
}

/// The account of an organisation that an operator has given a role, and the change that says so.
fn paid(id: &str) -> (Account, Change) {
    let policy = policy();
    let role = policy.role("paid").unwrap().clone();
    let account = Account::new(user(id), &policy);
    let commit = decide::assign(account, Some(role), &policy, START);
    let mut commit = commit.unwrap();
    (commit.accounts.remove(0), commit.changes.remove(0))
}

/// Sockets over a store of these accounts; without any, one that cannot be read.
fn sockets(
    accounts: Option<Vec<Account>>,
    clock: &ManualClock,
) -> HolderSockets<Accounts, HeldSockets> {
    let by_user = |accounts: Vec<Account>| -> HashMap<_, _> {
        accounts.into_iter().map(|account| (account.user.clone(), account)).collect()
    };
    let store = Accounts(accounts.map(|accounts| Mutex::new(by_user(accounts))));
    let clock = access(Accounts(None), clock).clock.clone();
    HolderSockets { store, policy: policy(), clock, sockets: HeldSockets::default() }
}

async fn open(sockets: &HeldSockets, socket: u32, id: &str, others: &[&str]) {
    let token = TokenTimes { issued_at: Some(START), valid_until: START.plus_secs(900) };
    let others = others.iter().map(|id| user(id)).collect();
    let holder = Holder { user: user(id), others, opened_at: START, token };
    sockets.open(&socket, &holder).await.unwrap();
}

async fn notified(sockets: &HolderSockets<Accounts, HeldSockets>, change: &Change) -> bool {
    let record = ChangeRecord { change: change.clone(), context: None };
    notify_all(sockets, vec![record], &sockets.clock).await == [true]
}

#[tokio::test]
async fn each_socket_is_told_about_all_of_its_accounts() {
    let (org, change) = paid("org");
    let sockets = sockets(Some(vec![org]), &ManualClock::new());
    open(&sockets.sockets, 1, "ada", &["org"]).await;
    open(&sockets.sockets, 2, "bob", &["team", "org"]).await;
    open(&sockets.sockets, 3, "org", &[]).await;
    open(&sockets.sockets, 4, "eve", &["team"]).await;
    assert!(notified(&sockets, &change).await);
    let mut pushed = sockets.sockets.take_pushed();
    pushed.sort();
    let told: Vec<_> = pushed
        .iter()
        .map(|(socket, text)| {
            let frame: serde_json::Value = serde_json::from_str(text).unwrap();
            let text = |name: &str| frame[name].as_str().unwrap_or_default().to_owned();
            let accounts = frame["accounts"].as_array().map_or(1, Vec::len);
            (*socket, text("type"), text("userId"), text("role"), text("accountId"), accounts)
        })
        .collect();
    let told_of = |socket, id: &str, by: &str, accounts| {
        (socket, "ROLE_UPGRADED".into(), id.into(), "paid".into(), by.into(), accounts)
    };
    let expected =
        [told_of(1, "ada", "org", 2), told_of(2, "bob", "org", 3), told_of(3, "org", "", 1)];
    assert_eq!(told, expected);
}

/// A socket whose token has expired must not tell whoever stole it what its user has.
#[tokio::test]
async fn a_socket_of_an_expired_token_hears_that_and_ends() {
    let clock = ManualClock::new();
    let (ada, change) = paid("ada");
    let sockets = sockets(Some(vec![ada]), &clock);
    open(&sockets.sockets, 1, "ada", &[]).await;
    clock.set(START.plus_secs(899));
    assert!(notified(&sockets, &change).await);
    assert!(sockets.sockets.take_pushed().iter().all(|(_, text)| text.contains("ROLE_UPGRADED")));
    clock.set(START.plus_secs(900));
    assert!(notified(&sockets, &change).await);
    let expired = r#"{"v":1,"type":"CLOSE","code":4001,"reason":"token_expired"}"#;
    assert_eq!(sockets.sockets.take_pushed(), [(1, expired.to_owned())]);
    assert_eq!((sockets.sockets.take_closed(), sockets.sockets.open_ids()), (vec![1], vec![]));
}

/// A notice about several accounts that cannot be made is made when the change is redelivered.
#[tokio::test]
async fn a_store_that_cannot_be_read_fails_the_notice_of_several_accounts_alone() {
    let (_, change) = paid("org");
    let sockets = sockets(None, &ManualClock::new());
    open(&sockets.sockets, 3, "org", &[]).await;
    assert!(notified(&sockets, &change).await);
    open(&sockets.sockets, 1, "ada", &["org"]).await;
    assert!(!notified(&sockets, &change).await);
    let told: Vec<_> =
        sockets.sockets.take_pushed().into_iter().map(|(socket, _)| socket).collect();
    assert_eq!((told, sockets.sockets.open_ids()), (vec![3, 3], vec![1, 3]));
}

#[tokio::test]
async fn a_socket_without_a_record_gets_nothing() {
    let (_, change) = paid("ada");
    let sockets = sockets(Some(Vec::new()), &ManualClock::new());
    let pushed = sockets.push_change(&7, &Arc::new(change), "hello").await.unwrap();
    assert_eq!((pushed, sockets.sockets.take_pushed()), (Pushed::Gone, vec![]));
}
