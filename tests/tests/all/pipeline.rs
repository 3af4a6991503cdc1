//! From webhook to socket, under load and over time: nothing is lost, told twice, or out of order.

use axum::{Router, routing::get};
use futures_util::future::join_all;
use serde_json::json;
use tierlift_core::{
    account::Account,
    decide::assign,
    ledger::Outcome,
    ports::{DeadLetters as _, Enqueue as _, Enqueued, Group, Message, Store as _},
    subscription::Status,
};
use tierlift_testkit::{
    clock::ManualClock,
    facts::{customer_id, event_id, policy, user_id},
    harness::eventually,
    lifecycle::{self, Step, Subscription},
    random::Random,
};

use crate::server::{START, TestServer};

pub(crate) async fn drained(server: &TestServer) {
    eventually("the queue is empty", async || server.db.depth().await.unwrap().queued == 0).await;
}

pub(crate) async fn account(server: &TestServer, user: &str) -> Account {
    server.db.account(&user_id(user)).await.unwrap().unwrap()
}

pub(crate) async fn accepted(server: &TestServer, body: &[u8]) {
    let answer = server.webhook(std::str::from_utf8(body).unwrap()).await;
    assert_eq!((answer.status, &*answer.body), (200, r#"{"status":"accepted"}"#));
}

#[tokio::test]
async fn a_hundred_upgrades_at_once_reach_their_hundred_sockets() {
    let server = TestServer::start().await;
    let upgrade = async |number: usize| {
        let user = format!("user_{number}");
        let mut socket = server.socket(&server.token(&user, 0)).await;
        assert_eq!(socket.sync().await["role"], "free");
        let body = server.event(&user, "active");
        accepted(&server, body.as_bytes()).await;
        let notice = socket.hear().await;
        assert_eq!((&notice["userId"], &notice["revocationId"]), (&json!(user), &json!(1)));
        assert_eq!(socket.sync().await["role"], "paid");
        let id = event_id(notice["eventId"].as_str().unwrap());
        assert!(body.contains(id.as_str()));
        let row = server.db.ledger(&id).await.unwrap().unwrap();
        assert_eq!((row.outcome, row.owners[0].user.as_str()), (Outcome::Applied, &*user));
    };
    join_all((0..100).map(upgrade)).await;
    drained(&server).await;
    assert_eq!(server.db.depth().await.unwrap().dead, 0);
}

#[tokio::test]
async fn a_thousand_deliveries_of_one_event_are_one_change_and_one_notice() {
    let server = TestServer::start().await;
    let mut sockets = server.sockets(["ada", "ada"]).await;
    for socket in &mut sockets {
        socket.sync().await;
    }
    let body = server.event("ada", "active");
    let lane = async |_| {
        for _ in 0..20 {
            accepted(&server, body.as_bytes()).await;
        }
    };
    join_all((0..50).map(lane)).await;
    drained(&server).await;
    for socket in &mut sockets {
        let (notice, snapshot) = (socket.hear().await, socket.sync().await);
        assert_eq!(
            (&notice["type"], &notice["revocationId"]),
            (&json!("ROLE_UPGRADED"), &json!(1))
        );
        assert_eq!(snapshot["type"], "SNAPSHOT", "a second notice: {snapshot}");
    }
    let customer = server.db.customer(&customer_id("cus_ada")).await.unwrap().unwrap();
    let account = account(&server, "ada").await;
    assert_eq!((customer.version.0, account.version.0, account.revocation_id.0), (1, 1, 1));
    assert!(server.db.ledger(&event_id("evt_0")).await.unwrap().is_some());
}

fn message(event: &lifecycle::Event) -> Message {
    let id = event_id(&event.id);
    Message {
        group: Group::new(&id, Some(&customer_id(&event.customer))),
        event: id,
        kind: event.kind,
        received_at: START,
        trace: None,
        body: event.body.clone().into(),
    }
}

#[tokio::test]
async fn a_burst_of_one_customer_stays_in_order_and_others_overtake_it() {
    const BURST: i64 = 200;
    let server = TestServer::start_with(
        |settings| settings.clock = ManualClock::new(START).strict_clock(),
        |server| server,
    )
    .await;
    let (mut random, at_secs) = (Random::new(7), START.as_secs());
    let mut socket = server.socket(&server.token("ada", 0)).await;
    socket.sync().await;
    let mut sub = Subscription::begin(&mut random, "cus_ada", "ada", "price_pro", at_secs);
    let turn = |n: i64| if n % 2 == 0 { Status::Active } else { Status::Unpaid };
    let burst: Vec<Message> = (0..BURST)
        .map(|n| sub.step(&mut random, Step::Status(turn(n)), at_secs + n))
        .map(|event| message(&event))
        .collect();
    let others = (0..20).map(|n| {
        let (user, customer) = (format!("user_{n}"), format!("cus_{n}"));
        let sub = Subscription::begin(&mut random, &customer, &user, "price_pro", at_secs);
        message(&Subscription { status: Status::Active, ..sub }.created(&mut random))
    });
    let others: Vec<Message> = others.collect();
    // The queue takes them in this order; the others are last.
    let all = burst.iter().chain(&others).cloned();
    for sent in join_all(all.map(|message| server.db.enqueue(message))).await {
        assert_eq!(sent.unwrap(), Enqueued::Queued);
    }
    for (n, message) in burst.iter().enumerate() {
        let notice = socket.hear().await;
        assert_eq!(notice["eventId"], message.event.as_str(), "the {n}th notice: {notice}");
        assert_eq!(notice["revocationId"], n + 1);
    }
    drained(&server).await;
    let processed_at = async |message: &Message| {
        server.db.ledger(&message.event).await.unwrap().unwrap().processed_at
    };
    let times = join_all(burst.iter().map(processed_at)).await;
    assert!(times.is_sorted(), "{times:?}");
    for time in join_all(others.iter().map(processed_at)).await {
        assert!(time < times[burst.len() / 2], "another customer waited for the burst");
    }
}

#[tokio::test]
async fn a_revocation_id_counts_changes_of_the_role_and_nothing_else() {
    let server = TestServer::start().await;
    let (mut random, at_secs) = (Random::new(3), START.as_secs());
    let (mut sub, purchase) =
        lifecycle::purchase(&mut random, "cus_1", "ada", "price_pro", at_secs);
    for event in &purchase {
        accepted(&server, &event.body).await;
    }
    drained(&server).await;
    let ada = account(&server, "ada").await;
    assert_eq!((ada.role.as_str(), ada.revocation_id.0), ("paid", 1));

    for (n, (step, role, revocation_id)) in (1..).zip([
        (Step::Note(1), "paid", 1),
        (Step::Renew, "paid", 1),
        (Step::Quantity(2), "paid", 1),
        (Step::PauseCollection(true), "paid", 1),
        (Step::CancelAtPeriodEnd(true), "paid", 1),
        (Step::Status(Status::PastDue), "paid", 1),
        (Step::Status(Status::Unpaid), "free", 2),
        (Step::Note(2), "free", 2),
        (Step::Status(Status::Active), "paid", 3),
        (Step::CancelAtPeriodEnd(false), "paid", 3),
    ]) {
        let event = sub.step(&mut random, step.clone(), at_secs + n);
        accepted(&server, &event.body).await;
        accepted(&server, &event.body).await;
        drained(&server).await;
        let ada = account(&server, "ada").await;
        assert_eq!((ada.role.as_str(), ada.revocation_id.0), (role, revocation_id), "{step:?}");
    }

    by_hand(&server, Some("operator")).await;
    assert_eq!(account(&server, "ada").await.revocation_id.0, 4);
    accepted(&server, &sub.end(&mut random, at_secs + 20).body).await;
    drained(&server).await;
    let ada = account(&server, "ada").await;
    assert_eq!((ada.role.as_str(), ada.revocation_id.0), ("operator", 4));
    assert!(!ada.standing.subscription_active && ada.grants.is_empty());
    by_hand(&server, None).await;
    let ada = account(&server, "ada").await;
    assert_eq!((ada.role.as_str(), ada.revocation_id.0), ("free", 5));
}

/// An operator gives a role, or takes it back.
async fn by_hand(server: &TestServer, role: Option<&str>) {
    let policy = policy();
    let role = role.map(|name| policy.role(name).unwrap().clone());
    let commit = assign(account(server, "ada").await, role, &policy, server.now()).unwrap();
    server.db.commit(commit).await.unwrap();
}

#[tokio::test]
async fn a_role_whose_time_is_over_ends_without_a_webhook() {
    let server = TestServer::start_with(
        |_| {},
        |server| {
            let guard = server.guard("paid").unwrap();
            server.with_routes(Router::new().route("/premium", get(|| async {})).layer(guard))
        },
    )
    .await;
    let mut socket = server.socket(&server.token("ada", 0)).await;
    server.subscription("ada", "active").await;
    assert_eq!(socket.hear().await["type"], "ROLE_UPGRADED");
    server.pass_secs(33 * 86_400 - 1);
    server.get("/premium", &server.token("ada", 1)).await.assert(200, "");
    let mut socket = server.socket(&server.token("ada", 1)).await;
    server.pass_secs(2);
    // Expiry ends it and tells; until it has, the guard counts the time by itself.
    let refused = server.get("/premium", &server.token("ada", 9)).await;
    refused.assert(403, "role.required");
    let notice = socket.hear().await;
    assert_eq!((&notice["type"], &notice["role"]), (&json!("ROLE_DOWNGRADED"), &json!("free")));
    assert_eq!(
        (&notice["revocationId"], &notice["subscriptionActive"]),
        (&json!(2), &json!(false))
    );
    server.get("/premium", &server.token("ada", 1)).await.assert(401, "token.stale");
    server.get("/premium", &server.token("ada", 2)).await.assert(403, "role.required");
    let row =
        server.db.ledger(&event_id(notice["eventId"].as_str().unwrap())).await.unwrap().unwrap();
    assert_eq!((row.kind.as_str(), row.owners[0].revocation_id.0), ("tierlift.access.expired", 2));
}
