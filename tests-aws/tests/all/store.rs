//! The store on DynamoDB: its behaviour with items of other writers, with
//! large items and with the index of expiries.

use serde_json::{Value, json};
use tierlift_aws::store::Store;
use tierlift_core::{
    change::ChangeRecord,
    codes::Code,
    decide::{Commit, Decision, decide, expire},
    fold::{Before, Edge, Record},
    id::SubscriptionId,
    ledger::LedgerEntry,
    limits::ITEM_BYTES_MAX,
    ports::{Store as _, StoreError},
    stripe::event::Event,
    subscription::{Node, Status},
    time::Timestamp,
};
use tierlift_testkit::{
    facts::{customer_id, event_id, keys, policy, subscription, user_id},
    harness::eventually,
};

use super::{emulator::sdk_at, table::Table};

pub(super) const AT: Timestamp = Timestamp::from_secs(1_795_000_000);

/// The commit that an event leads to in the current state of the store.
pub(super) async fn decided(store: &Store, event: &Event, now: Timestamp) -> Commit {
    match decide(store.load(&keys(event)).await.unwrap(), event, &policy(), now) {
        Decision::Commit(commit) => *commit,
        other @ (Decision::Duplicate | Decision::Load(_) | Decision::Park(_)) => {
            panic!("expected a commit, not {other:?}")
        }
    }
}

/// A user pays for 30 days; the policy adds 3 days of grace.
pub(super) fn pays(user: &str, at: Timestamp) -> Event {
    let (event, customer) = (format!("evt_{user}"), format!("cus_{user}"));
    subscription(&event, &customer, Some(user), Status::Active, at)
}

async fn expired_users(store: &Store, now: Timestamp, max: usize) -> Vec<String> {
    let users = store.expired(now, max).await.unwrap();
    users.iter().map(|user| user.as_str().to_owned()).collect()
}

#[tokio::test]
async fn finds_expired_users_in_the_order_of_their_expiries() {
    let table = Table::create().await;
    let store = table.store().await;
    for (user, days) in [("bob", 1), ("ada", 0), ("eve", 40), ("用户 é", 2)] {
        let at = AT.plus_days(days);
        let commit = decided(&store, &pays(user, at), at).await;
        store.commit(commit).await.unwrap();
    }
    let later = AT.plus_days(36);
    eventually("the index has them all", async || expired_users(&store, later, 9).await.len() == 3)
        .await;
    assert_eq!(expired_users(&store, later, 9).await, ["ada", "bob", "用户 é"]);
    assert_eq!(expired_users(&store, later, 2).await, ["ada", "bob"]);
    assert_eq!(expired_users(&store, AT.plus_days(33), 9).await, ["ada"]);
    assert!(expired_users(&store, AT.plus_days(33).plus_secs(-1), 9).await.is_empty());
    let account = store.account(&user_id("ada")).await.unwrap().unwrap();
    store.commit(expire(account, &policy(), later).unwrap()).await.unwrap();
    assert_eq!(store.account(&user_id("ada")).await.unwrap().unwrap().role.as_str(), "free");
    eventually("ada has left the index", async || expired_users(&store, later, 9).await.len() == 2)
        .await;
    assert_eq!(expired_users(&store, later, 9).await, ["bob", "用户 é"]);
}

fn assert_corrupt<T: std::fmt::Debug>(result: Result<T, StoreError>, message: &str) {
    match result {
        Err(StoreError::Corrupt(error)) if error.contains(message) => {}
        other => panic!("{other:?} instead of {message:?}"),
    }
}

/// It may be decided once the later version is deployed again, and must not be parked until then.
fn assert_waits<T: std::fmt::Debug>(result: Result<T, StoreError>, message: &str) {
    match result {
        Err(StoreError::Unavailable(error)) if error.to_string().contains(message) => {}
        other => panic!("{other:?} instead of {message:?}"),
    }
}

/// A store on a table of its own, the event of ada's purchase, and the commit that it leads to.
async fn first_purchase() -> (Table, Store, Event, Commit) {
    let table = Table::create().await;
    let store = table.store().await;
    let event = pays("ada", AT);
    let commit = decided(&store, &event, AT).await;
    (table, store, event, commit)
}

/// A foreign item under an event's key is an error, and never counts as "processed before".
#[tokio::test]
async fn a_foreign_item_is_not_a_duplicate() {
    let (table, store, event, commit) = first_purchase().await;
    for (item, message) in [
        (
            json!({ "pk": { "S": "EVENT#evt_ada" }, "colour": { "S": "red" } }),
            "its shape is missing",
        ),
        (json!({ "pk": { "S": "EVENT#evt_ada" }, "shape": { "N": "2" } }), "has shape 2"),
        (json!({ "pk": { "S": "EVENT#evt_ada" }, "shape": { "N": "1" } }), "cannot be read"),
    ] {
        table.put(&item).await.unwrap();
        assert_corrupt(store.commit(commit.clone()).await, message);
        match message {
            "has shape 2" => assert_waits(store.load(&keys(&event)).await, message),
            _ => assert_corrupt(store.load(&keys(&event)).await, message),
        }
        assert_corrupt(store.ledger(&event.id).await, message);
        assert_eq!(table.get("EVENT#evt_ada").await, item);
    }
    assert_eq!(store.account(&user_id("ada")).await.unwrap(), None);
    assert_eq!(store.customer(&customer_id("cus_ada")).await.unwrap(), None);
}

/// An account that a later version wrote is neither read nor overwritten.
#[tokio::test]
async fn an_item_of_a_later_version_is_left_alone() {
    let (table, store, event, commit) = first_purchase().await;
    store.commit(commit.clone()).await.unwrap();
    let mut item = table.get("USER#ada").await;
    item["shape"] = json!({ "N": "2" });
    table.put(&item).await.unwrap();
    assert_corrupt(store.account(&user_id("ada")).await, "USER#ada has shape 2");
    assert_waits(store.load(&keys(&event)).await, "USER#ada has shape 2");
    let late = Commit { accounts: commit.accounts, ..decided_as(commit.ledger, "evt_late") };
    assert!(matches!(store.commit(late).await, Err(StoreError::Conflict)));
    assert_eq!(table.get("USER#ada").await, item);
}

/// A row that cannot be read is an error of every read that needs it.
#[tokio::test]
async fn a_corrupt_row_is_an_error_of_every_read() {
    let table = Table::create().await;
    let store = table.store().await;
    let event = pays("ada", AT);
    store.commit(decided(&store, &event, AT).await).await.unwrap();
    for (key, attribute) in
        [("EVENT#evt_ada", "outcome"), ("CUSTOMER#cus_ada", "subscriptions"), ("USER#ada", "role")]
    {
        let row = table.get(key).await;
        let mut corrupt = row.clone();
        corrupt.as_object_mut().unwrap().remove(attribute);
        table.put(&corrupt).await.unwrap();
        assert_corrupt(store.load(&keys(&event)).await, key);
        match attribute {
            "outcome" => assert_corrupt(store.ledger(&event.id).await, key),
            "subscriptions" => assert_corrupt(store.customer(&customer_id("cus_ada")).await, key),
            _ => assert_corrupt(store.account(&user_id("ada")).await, key),
        }
        table.put(&row).await.unwrap();
    }
    assert!(store.load(&keys(&event)).await.unwrap().processed);
}

/// Rows in the expiry index that are not accounts hold up no account, even if they are older.
#[tokio::test]
async fn a_bad_row_in_the_expiry_index_holds_up_nobody() {
    let table = Table::create().await;
    let store = table.store().await;
    for shard in 0..16 {
        let row = json!({
            "pk": { "S": format!("OTHER#{shard}") },
            "expiry_shard": { "N": shard.to_string() },
            "next_expiry_at": { "N": "1" },
        });
        table.put(&row).await.unwrap();
    }
    store.commit(decided(&store, &pays("ada", AT), AT).await).await.unwrap();
    let later = AT.plus_days(36);
    eventually("the index has her", async || !expired_users(&store, later, 99).await.is_empty())
        .await;
    assert_eq!(expired_users(&store, later, 1).await, ["ada"]);
}

fn decided_as(ledger: LedgerEntry, event: &str) -> Commit {
    let ledger = LedgerEntry { event: event_id(event), ..ledger };
    Commit {
        ledger,
        customer: None,
        payments: vec![],
        invoices: vec![],
        accounts: vec![],
        changes: vec![],
        erased: None,
        context: None,
    }
}

/// The same commit with a customer that is larger by that many bytes.
pub(super) fn inflated(commit: &Commit, bytes: usize) -> Commit {
    let mut commit = commit.clone();
    let customer = commit.customer.as_mut().unwrap();
    let status = Status::Other("x".repeat(bytes).into());
    let to = Node { status, ..Node::default() };
    let mut record = Record::default();
    record.insert(Edge { at_secs: 1, before: Before::Created, to: to.into() });
    let id = SubscriptionId::new("sub_long").unwrap();
    customer.subscriptions.entry(id).or_default().record = record;
    commit
}

/// The table takes the largest item that the store sends, and refuses one with a byte more: the store
/// measures items as DynamoDB does.
async fn check_size_limit(table: Table) {
    let store = table.store().await;
    let commit = decided(&store, &pays("ada", AT), AT).await;
    // No server listens there: a commit that is unavailable passed the size check.
    let unserved = Store::new(&sdk_at(([127, 0, 0, 1], 9).into()), &table.name);
    let is_sent = async |bytes: usize| match unserved.commit(inflated(&commit, bytes)).await {
        Err(StoreError::Unavailable(_)) => true,
        Err(StoreError::TooLarge(Code::CustomerTooLarge)) => false,
        other => panic!("{other:?}"),
    };
    let (mut fits, mut exceeds) = (ITEM_BYTES_MAX - 2_000, ITEM_BYTES_MAX);
    while exceeds - fits > 1 {
        let middle = usize::midpoint(fits, exceeds);
        *(if is_sent(middle).await { &mut fits } else { &mut exceeds }) = middle;
    }
    store.commit(inflated(&commit, fits)).await.unwrap();
    let customer = store.customer(&customer_id("cus_ada")).await.unwrap().unwrap();
    assert_eq!(customer.subscriptions, inflated(&commit, fits).customer.unwrap().subscriptions);
    let mut item = table.get("CUSTOMER#cus_ada").await;
    item["x"] = json!({ "S": "" });
    let refused = table.put(&item).await.unwrap_err();
    assert!(refused.contains("Item size has exceeded"), "{refused}");
}

#[tokio::test]
async fn the_size_limit_is_that_of_the_table() {
    check_size_limit(Table::create().await).await;
}

#[tokio::test]
async fn the_size_limit_is_that_of_dynoxide() {
    check_size_limit(Table::on_dynoxide().await).await;
}

/// An operator sees the account's fields in the console, beside the attributes for the stream and the
/// index.
#[tokio::test]
async fn an_account_is_written_to_be_read_by_people() {
    let table = Table::create().await;
    let store = table.store().await;
    let commit = decided(&store, &pays("ada", AT), AT).await;
    store.commit(commit.clone()).await.unwrap();
    let item = table.get("USER#ada").await;
    let expires = AT.plus_days(30).as_micros().to_string();
    for (attribute, value) in [
        ("user", json!({ "S": "ada" })),
        ("role", json!({ "S": "paid" })),
        ("revocation_id", json!({ "N": "1" })),
        (
            "standing",
            json!({ "M": {
                "active": { "BOOL": true },
                "expires": { "N": expires },
                "shown": { "M": { "status": { "S": "active" } } },
            } }),
        ),
        ("version", json!({ "N": "1" })),
        ("shape", json!({ "N": "1" })),
        ("next_expiry_at", json!({ "N": AT.plus_days(33).as_secs().to_string() })),
    ] {
        assert_eq!(item[attribute], value, "{attribute}");
    }
    let record =
        serde_json::from_str::<ChangeRecord>(item["change"]["S"].as_str().unwrap()).unwrap();
    assert_eq!(record, ChangeRecord { change: commit.changes[0].clone(), context: None });
    // A second subscription that ends earlier: its grant is written, and nothing is pushed.
    let earlier = subscription("evt_2", "cus_2", Some("ada"), Status::Active, AT.plus_days(-1));
    let commit = decided(&store, &earlier, AT).await;
    assert!(commit.changes.is_empty() && !commit.accounts.is_empty());
    store.commit(commit).await.unwrap();
    assert_eq!(table.get("USER#ada").await["change"], Value::Null);
}
