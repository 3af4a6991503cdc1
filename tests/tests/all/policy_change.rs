//! Previews and applies changed policies: each account that changes does so once, even through kills.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use rusqlite::Connection;
use serde_json::json;
use tierlift_core::{
    change::{Change, ChangeKind},
    policy::{PlanConfig, Policy, PolicyConfig},
    ports::Store as _,
};
use tierlift_embedded::system_clock;
use tierlift_testkit::{
    facts::event_id,
    harness::{eventually_within, now},
    webhook,
};
use tierlift_worker::policy_change::{apply, pending};

use crate::{
    server::TestServer,
    shop::{CREATED, Shop, config, subscription},
    tierlift::Home,
};

fn policy(price_max: &str) -> Policy {
    let plans = vec![PlanConfig::new("price_pro", "paid"), PlanConfig::new("price_max", price_max)];
    Policy::new(PolicyConfig { plans, features: Vec::new(), ..config() }).unwrap()
}

#[tokio::test]
async fn a_reload_changes_accounts_at_once_and_notifies_their_users() {
    let mut reload = None;
    let server = TestServer::start_with(
        |settings| settings.policy = policy("paid").into(),
        |server| {
            reload = Some(server.reload());
            server
        },
    )
    .await;
    let shop = Shop::on(server);
    shop.post(CREATED, 0, subscription("sub_1", Some("ada"), &["price_max"])).await;
    shop.assert_roles(&[("ada", "paid")]).await;
    let mut socket = shop.server.socket(&shop.server.token("ada", 1)).await;
    socket.sync().await;

    reload.unwrap().replace(policy("pro"), Vec::new());
    let frame = socket.hear().await;
    assert_eq!((&frame["type"], &frame["role"]), (&json!("ROLE_UPGRADED"), &json!("pro")));
    let id = event_id(frame["eventId"].as_str().unwrap());
    let row = shop.server.db.ledger(&id).await.unwrap().unwrap();
    assert_eq!(row.kind.as_str(), "tierlift.policy.changed");
    assert_eq!(row.customer.unwrap().as_str(), "cus_1");
    let owner = &row.owners[0];
    assert_eq!((owner.from_role.as_str(), owner.to_role.as_str()), ("paid", "pro"));
    assert_eq!(shop.session("ada").await["revocationId"], 2);
}

#[tokio::test]
async fn features_alone_change_nobodys_role() {
    let mut reload = None;
    let server = TestServer::start_with(
        |settings| settings.policy = Policy::new(config()).unwrap().into(),
        |server| {
            reload = Some(server.reload());
            server
        },
    )
    .await;
    let shop = Shop::on(server);
    shop.post(CREATED, 0, subscription("sub_1", Some("ada"), &["price_pro"])).await;
    let mut socket = shop.server.socket(&shop.server.token("ada", 1)).await;
    assert_eq!(socket.sync().await["features"], json!(["export"]));
    let features = vec![("paid".to_owned(), vec!["api".to_owned()])];
    let new = PolicyConfig { features, ..config() };
    reload.unwrap().replace(Policy::new(new).unwrap(), Vec::new());
    let frame = socket.hear().await;
    assert_eq!(
        (&frame["type"], &frame["features"]),
        (&json!("SUBSCRIPTION_CHANGED"), &json!(["api"]))
    );
    assert_eq!(shop.session("ada").await["revocationId"], 1);
}

/// A home with this many accounts, `on_max` of them on `price_max`: copies of two that a server wrote.
async fn crowded(config: &str, accounts: usize, on_max: usize) -> Home {
    let home = Home::new(config);
    let server = home.serve();
    for (user, price) in [("ada", "price_pro"), ("bob", "price_max")] {
        let mut event = webhook::subscription(&format!("evt_{user}"), user, "active", now());
        event["data"]["object"]["items"]["data"][0]["price"]["id"] = price.into();
        server.accepts(&event).await;
    }
    server.finish().await;
    copy(&home, accounts - 2, on_max - 1);
    home
}

/// Copies the customers and accounts of `ada` and `bob`.
fn copy(home: &Home, copies: usize, of_bob: usize) {
    let numbers = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {copies}),
             one(i, user) AS (SELECT i, CASE WHEN i <= {of_bob} THEN 'bob' ELSE 'ada' END FROM n)"
    );
    // The customer cus_bob of bob becomes cus_bob7 of bob7.
    let renamed =
        "replace(replace(state, '\"cus_' || one.user || '\"', '\"cus_' || one.user || i || '\"'),
                   '\"' || one.user || '\"', '\"' || one.user || i || '\"')";
    let insert = format!(
        "{numbers} INSERT INTO customers (id, version, waiting_since, state)
             SELECT 'cus_' || one.user || i, version, waiting_since, {renamed}
             FROM one JOIN customers ON customers.id = 'cus_' || one.user;
         {numbers} INSERT INTO accounts (user, version, next_expiry_at, state)
             SELECT one.user || i, version, next_expiry_at, {renamed}
             FROM one JOIN accounts ON accounts.user = one.user;"
    );
    Connection::open(home.data()).unwrap().execute_batch(&insert).unwrap();
}

/// Runs a query for a number, beside the server.
fn count(home: &Home, query: &str) -> usize {
    let connection = Connection::open(home.data()).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    let count: i64 = connection.query_row(query, (), |row| row.get(0)).unwrap();
    usize::try_from(count).unwrap()
}

const OLD: &str = "roles = [\"free\", \"paid\", \"pro\"]
[plans]
price_pro = \"paid\"
price_max = \"paid\"
";
const COMMITTED: &str = "SELECT count(*) FROM ledger WHERE kind = 'tierlift.policy.changed'";

#[tokio::test]
async fn a_hundred_thousand_accounts_are_previewed_and_changed_once_through_kills() {
    const CHANGED: usize = 10_000;
    let home = crowded(OLD, 100_000, CHANGED).await;
    let new = OLD.replace("price_max = \"paid\"", "price_max = \"pro\"");
    home.configure(&new);
    let listed = home.dry_run();
    assert!(listed.contains("\nbob7\tpaid → pro\n"), "{listed}");
    let summary = listed.lines().last().unwrap();
    assert_eq!(summary, format!("{CHANGED} accounts would change: paid → pro: {CHANGED}"));
    assert_eq!(count(&home, COMMITTED), 0, "nothing is written");

    // A program without optimization looks at all of them for many seconds first.
    let limit = Duration::from_secs(90);
    for kill in 1..=3 {
        let server = home.serve();
        eventually_within(limit, "some are changed", async || {
            count(&home, COMMITTED) > kill * 1_000
        })
        .await;
        server.kill();
    }
    assert!(count(&home, COMMITTED) < CHANGED);
    let server = home.serve();
    eventually_within(limit, "all are changed", async || {
        count(&home, "SELECT count(*) FROM policy WHERE state LIKE '%progress%'") == 0
    })
    .await;
    server.finish().await;
    assert_eq!(count(&home, COMMITTED), CHANGED);
    let twice = "SELECT count(*) FROM accounts WHERE (state ->> 'role' = 'pro')
                 != (user LIKE 'bob%') OR state ->> 'revocation_id' != (state ->> 'role' = 'pro') + 1";
    assert_eq!(count(&home, twice), 0);
    assert!(home.dry_run().ends_with("0 accounts would change\n"));
}

#[tokio::test]
async fn each_changed_account_has_one_notice() {
    const CHANGED: usize = 500;
    let home = crowded(OLD, 2_000, CHANGED).await;
    let db = home.db();
    let (policy, clock) = (policy("pro"), system_clock());
    let heard = AtomicUsize::default();
    let notify = |change: Change| {
        assert_eq!((change.kind, change.role.as_str()), (ChangeKind::Upgraded, "pro"));
        heard.fetch_add(1, Ordering::SeqCst);
        std::future::ready(())
    };
    assert!(pending(&db, &policy).await.unwrap().is_some());
    assert!(apply(&db, &policy, &clock, notify, None).await.unwrap());
    assert_eq!(heard.load(Ordering::SeqCst), CHANGED);
    assert_eq!(pending(&db, &policy).await.unwrap(), None);
    assert!(apply(&db, &policy, &clock, notify, None).await.unwrap());
    assert_eq!(heard.load(Ordering::SeqCst), CHANGED);
}
