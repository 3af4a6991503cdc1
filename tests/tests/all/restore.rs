//! A restored backup: clients and tokens know more than the server does, and are brought back.

use rusqlite::Connection;
use serde_json::Value;
use tierlift_testkit::harness::{NEVER_STALE, client::Request};

use crate::server::{START, TestServer};

/// A server with a backup of an hour ago. Since then, the role of each user has changed twice. Returns what
/// the backup's server is, and the tokens that were issued last.
async fn restored<const N: usize>(users: [&str; N]) -> (TestServer, [String; N]) {
    let folder = tempfile::tempdir().unwrap();
    let (data, backup) = (folder.path().join("data.db"), folder.path().join("backup.db"));
    let lost =
        TestServer::start_with(|settings| settings.data.clone_from(&data), |server| server).await;
    for user in users {
        lost.subscription(user, "active").await;
        has_revocation_id(&lost, user, 1).await;
    }
    let connection = Connection::open(&data).unwrap();
    connection.execute("VACUUM INTO ?1", [backup.to_str().unwrap()]).unwrap();
    let mut tokens = users.map(|_| String::new());
    for (user, token) in users.into_iter().zip(&mut tokens) {
        lost.subscription(user, "unpaid").await;
        lost.subscription(user, "active").await;
        has_revocation_id(&lost, user, 3).await;
        *token = refresh(&lost, &lost.token(user, 3)).await["accessToken"].as_str().unwrap().into();
    }
    let bytes = std::fs::read(&backup).unwrap();
    let server = TestServer::start_with(
        |settings| std::fs::write(&settings.data, bytes).unwrap(),
        |server| server,
    );
    let server = server.await;
    server.pass_secs(600);
    server.skip_events(100);
    (server, tokens)
}

async fn has_revocation_id(server: &TestServer, user: &str, rev: u64) -> Value {
    let mut socket = server.socket(&server.token(user, NEVER_STALE)).await;
    socket.reach(rev).await
}

async fn refresh(server: &TestServer, token: &str) -> Value {
    let answer = server.send(Request::new("POST", "/session/refresh").bearer(token)).await;
    answer.assert(200, "");
    answer.json()
}

/// The epoch that begins on the restored server, and the state that the backup has.
fn assert_brought_back(state: &Value) {
    assert_eq!(state["epoch"], START.plus_secs(600).as_secs(), "{state}");
    assert_eq!((&state["role"], &state["revocationId"]), (&"paid".into(), &1.into()), "{state}");
}

#[tokio::test]
async fn who_has_seen_more_than_a_restored_server_is_brought_back() {
    let users = ["ada", "bob", "cy"];
    let (server, [adas, ..]) = restored(users).await;

    // A token that tierlift issued proves it.
    server.get("/session", &adas).await.assert(401, "token.stale");
    let refreshed = refresh(&server, &adas).await;
    assert_brought_back(&refreshed["user"]);
    let renewed = refreshed["accessToken"].as_str().unwrap();
    assert_brought_back(&server.get("/session", renewed).await.json());
    server.get("/session", &adas).await.assert(401, "token.stale");

    // A host's token proves nothing; its tab says what it has seen.
    let hosts = server.token("bob", NEVER_STALE);
    let mut tab = server.socket(&hosts).await;
    assert_eq!(tab.sync().await["epoch"], 0);
    tab.say(r#"{"action":"sync","epoch":0,"revocationId":3,"accountVersion":3}"#).await;
    assert_brought_back(&tab.hear().await);
    assert_brought_back(&server.get("/session", &hosts).await.json());

    // Where sockets never work, the poll says it.
    let polls = server.token("cy", NEVER_STALE);
    let seen = "/session?epoch=0&revocationId=1&accountVersion=4";
    assert_eq!(server.get("/session?epoch=x", &polls).await.json()["epoch"], 0);
    assert_brought_back(&server.get(seen, &polls).await.json());

    // What comes next is newer than everything before.
    server.subscription("ada", "unpaid").await;
    let later = has_revocation_id(&server, "ada", 2).await;
    assert_eq!((&later["epoch"], &later["role"]), (&refreshed["user"]["epoch"], &"free".into()));
}

#[tokio::test]
async fn a_client_that_claims_too_much_changes_nothing_for_others_and_little_for_itself() {
    let server = TestServer::start().await;
    let [mut ada, mut bob] = server.sockets(["ada", "bob"]).await;
    for claim in [
        r#"{"action":"sync","epoch":9999999999,"revocationId":9}"#,
        r#"{"action":"sync","revocationId":9,"accountVersion":9}"#,
    ] {
        ada.say(claim).await;
        assert_eq!(ada.hear().await["epoch"], 0, "{claim}");
    }
    ada.say(r#"{"action":"sync","epoch":0,"revocationId":9}"#).await;
    let began = ada.hear().await["epoch"].as_i64().unwrap();
    assert_eq!(began, START.as_secs());
    ada.say(&format!(r#"{{"action":"sync","epoch":{began},"revocationId":9}}"#)).await;
    let again = ada.hear().await;
    assert_eq!((&again["epoch"], &again["accountVersion"]), (&began.into(), &1.into()));
    assert_eq!(bob.sync().await["epoch"], 0);
}
