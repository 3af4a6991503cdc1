//! Tokens that speak for several accounts: a person's own, and those of their organisations.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tierlift_core::{
    id::UserId,
    ledger::Act,
    limits::SOCKETS_PER_USER_MAX,
    ports::{ChangeLog as _, Store as _},
    token::{ServiceTokens, TokenConfig, TokenKeys},
};
use tierlift_embedded::{Server, revoke};
use tierlift_testkit::{
    facts::user_id,
    harness::{client::Request, socket::Socket, token_secret},
};

use crate::{
    doors::{SERVICE_TOKEN, post, upgrade},
    server::TestServer,
};

/// A server on which a token speaks for the user and for what `org_id` names.
async fn start_with(extend: impl FnOnce(Server) -> Server) -> TestServer {
    let change = |settings: &mut tierlift_embedded::Settings| {
        let account_claims = ["sub", "org_id"].map(str::to_owned).into();
        let rules = TokenConfig { account_claims, ..TokenConfig::default() }.rules();
        settings.keys = TokenKeys::new(Some(token_secret())).with_rules(rules);
        settings.service_tokens = ServiceTokens::parse(&format!("web:{SERVICE_TOKEN}")).unwrap();
    };
    TestServer::start_with(change, extend).await
}

async fn start() -> TestServer {
    start_with(|server| server).await
}

/// A token of a user who acts for these organisations.
async fn member(server: &TestServer, user: &str, organisations: &[&str]) -> String {
    let body = json!({ "userId": user, "claims": { "org_id": organisations } });
    let answer = post(server, "/v1/tokens", &body).await;
    answer.assert(200, "");
    answer.json()["accessToken"].as_str().unwrap().to_owned()
}

async fn in_step(server: &TestServer, token: &str) -> Socket {
    let mut socket = server.socket(token).await;
    socket.sync().await;
    socket
}

fn role(answer: &Value) -> (&str, &str) {
    (answer["role"].as_str().unwrap(), answer["accountId"].as_str().unwrap())
}

#[tokio::test]
async fn what_an_organisation_pays_for_reaches_every_member_at_once() {
    let server = start().await;
    let (ada, bob) =
        (member(&server, "ada", &["org"]).await, member(&server, "bob", &["org"]).await);
    let eve = member(&server, "eve", &["other"]).await;
    let mut tabs = [in_step(&server, &ada).await, in_step(&server, &bob).await];
    let mut foreign = in_step(&server, &eve).await;
    server.subscription("org", "active").await;
    for (tab, user) in tabs.iter_mut().zip(["ada", "bob"]) {
        let frame = tab.hear().await;
        assert_eq!((&frame["type"], &frame["userId"]), (&json!("ROLE_UPGRADED"), &json!(user)));
        assert_eq!((role(&frame), &frame["previousRole"]), (("paid", "org"), &json!("free")));
        assert_eq!(frame["accounts"], json!([user, "org"]));
        assert_eq!(frame["revocationId"], 1);
    }
    // Nobody else is notified: the next frame is the answer to a question.
    assert_eq!(role(&foreign.sync().await), ("free", "eve"));
    // A token that knew less is behind on the organisation's account, and a fresh one is not.
    server.get("/session", &ada).await.assert(401, "token.stale");
    let refreshed = server.send(Request::new("POST", "/session/refresh").bearer(&ada)).await;
    refreshed.assert(200, "");
    assert_eq!(role(&refreshed.json()["user"]), ("paid", "org"));
    let fresh = refreshed.json()["accessToken"].as_str().unwrap().to_owned();
    let session = server.get("/session", &fresh).await;
    session.assert(200, "");
    assert_eq!(role(&session.json()), ("paid", "org"));
    let passed = server.get("/authorize?role=paid", &ada).await;
    assert_eq!(
        (passed.status, &passed.headers["x-tierlift-account"]),
        (204, &"org".parse().unwrap())
    );
    assert_eq!(passed.headers["x-tierlift-user"], "ada");
    // A host asks for a member by the ids that it knows.
    let asked = server.get("/v1/users/ada?account=org", SERVICE_TOKEN).await;
    assert_eq!(asked.json(), session.json());
    let alone = server.get("/v1/users/ada", SERVICE_TOKEN).await;
    assert_eq!(alone.json()["role"], "free");
    for query in [
        "accounts=org",
        "account=",
        "account=1&account=2&account=3&account=4&account=5&account=6&account=7&account=8",
    ] {
        assert_eq!(server.get(&format!("/v1/users/ada?{query}"), SERVICE_TOKEN).await.status, 400);
    }
}

/// A thousand members, each with an open tab: the change is one of one account, whoever it is for.
#[tokio::test]
async fn an_organisation_of_a_thousand_members_changes_in_one_transaction() {
    const MEMBERS: usize = 1_000;
    let server = start().await;
    let mut tabs = join_all((0..MEMBERS).map(async |number| {
        server.socket(&member(&server, &format!("member{number}"), &["org"]).await).await
    }))
    .await;
    let mut changes = 0;
    for (status, kind, role) in
        [("active", "ROLE_UPGRADED", "paid"), ("unpaid", "ROLE_DOWNGRADED", "free")]
    {
        server.subscription("org", status).await;
        let mut events = BTreeSet::new();
        for (number, tab) in tabs.iter_mut().enumerate() {
            let frame = tab.hear().await;
            assert_eq!((&frame["type"], &frame["role"]), (&json!(kind), &json!(role)));
            assert_eq!(frame["userId"], format!("member{number}"));
            events.insert((frame["eventId"].to_string(), frame["accountVersion"].as_u64()));
        }
        changes += 1;
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(server.db.latest_change().await.unwrap().position, changes);
        let account = server.db.account(&user_id("org")).await.unwrap().unwrap();
        assert_eq!((account.role.as_str(), account.version.0), (role, changes));
    }
    // Each was notified once: the next frame is the answer to a question.
    for frame in join_all(tabs.iter_mut().map(Socket::sync)).await {
        assert_eq!(frame["type"], "SNAPSHOT");
    }
    for number in 0..MEMBERS {
        let account = server.db.account(&user_id(&format!("member{number}"))).await.unwrap();
        assert_eq!(account, None, "a member's own account");
    }
}

#[tokio::test]
async fn a_person_keeps_the_best_of_their_accounts() {
    let server = start().await;
    server.subscription("org", "active").await;
    upgrade(&server, "ada").await;
    let (ada, bob) =
        (member(&server, "ada", &["org"]).await, member(&server, "bob", &["org"]).await);
    assert_eq!(role(&server.get("/session", &ada).await.json()), ("paid", "ada"));
    let [mut of_ada, mut of_bob] = [in_step(&server, &ada).await, in_step(&server, &bob).await];
    server.subscription("org", "unpaid").await;
    let frame = of_ada.hear().await;
    assert_eq!((&frame["type"], role(&frame)), (&json!("SUBSCRIPTION_CHANGED"), ("paid", "ada")));
    let frame = of_bob.hear().await;
    assert_eq!((&frame["type"], role(&frame)), (&json!("ROLE_DOWNGRADED"), ("free", "bob")));
    // Who leaves has with the next token what is their own.
    server.subscription("org", "active").await;
    assert_eq!(role(&of_bob.hear().await), ("paid", "org"));
    let left = member(&server, "bob", &[]).await;
    let session = server.get("/session", &left).await.json();
    assert_eq!((&session["role"], session.get("accountId")), (&json!("free"), None));
}

#[tokio::test]
async fn sockets_are_limited_for_each_person_and_not_for_an_organisation() {
    let server = start().await;
    let mut members = Vec::new();
    for number in 0..=SOCKETS_PER_USER_MAX {
        let token = member(&server, &format!("user{number}"), &["org"]).await;
        members.push(in_step(&server, &token).await);
    }
    let ada = member(&server, "ada", &["org"]).await;
    let mut first = in_step(&server, &ada).await;
    let mut others = Vec::new();
    for _ in 0..SOCKETS_PER_USER_MAX {
        others.push(in_step(&server, &ada).await);
    }
    assert_eq!(u16::from(first.closed().await.unwrap().code), 4008);
    server.subscription("org", "active").await;
    for socket in members.iter_mut().chain(&mut others) {
        assert_eq!(role(&socket.hear().await), ("paid", "org"));
    }
}

#[tokio::test]
async fn tokens_of_an_organisation_are_revoked_for_all_of_its_members() {
    let parts = std::sync::OnceLock::new();
    let server = start_with(|server| {
        parts.set((std::sync::Arc::clone(server.access()), server.sockets().clone())).ok();
        server
    })
    .await;
    let ada = member(&server, "ada", &["org"]).await;
    let mut socket = in_step(&server, &ada).await;
    let act = Act::new("support@example.com", "contract ended").unwrap();
    let (access, sockets) = parts.get().unwrap();
    revoke(access, sockets, &UserId::new("org").unwrap(), &act).await.unwrap();
    assert_eq!(u16::from(socket.closed().await.unwrap().code), 4003);
    server.get("/session", &ada).await.assert(401, "token.revoked");
    server.pass_secs(1);
    let session = server.get("/session", &member(&server, "ada", &["org"]).await).await;
    session.assert(200, "");
}
