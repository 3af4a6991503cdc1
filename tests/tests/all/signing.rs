//! Tokens that are signed by the server's own keys: they are as good as any here, and the published key set tells
//! which of them count elsewhere.

use serde_json::{Value, json};
use tierlift_core::{
    limits::KEY_SET_AGE_SECS,
    token::{ServiceTokens, SigningKeys, TokenKeys},
};
use tierlift_testkit::harness::{client::Request, token_secret};

use crate::{
    doors::{SERVICE_TOKEN, post, upgrade},
    server::TestServer,
};

const OLD: &str = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g";
const NEW: &str = "MC4CAQAwBQYDK2VwBCIEIGxK6q11E4NBo6nY4aViL7FxIeID8efdhu3ovkcAmaj5";

/// A server with these signing keys, and perhaps the secret of the host.
async fn start(keys: &str, shares_secret: bool) -> TestServer {
    let change = |settings: &mut tierlift_embedded::Settings| {
        let secret = shares_secret.then(token_secret);
        let signing = Some(SigningKeys::parse(keys).unwrap());
        settings.keys = TokenKeys::new(secret).with_signing_keys(signing);
        settings.service_tokens = ServiceTokens::parse(&format!("web:{SERVICE_TOKEN}")).unwrap();
    };
    TestServer::start_with(change, |server| server).await
}

/// A token for a user's browser, of a host that signs none.
async fn issued(server: &TestServer, claims: Value) -> String {
    let answer = post(server, "/v1/tokens", &json!({ "userId": "ada", "claims": claims })).await;
    answer.assert(200, "");
    answer.json()["accessToken"].as_str().unwrap().to_owned()
}

async fn published(server: &TestServer) -> Vec<Value> {
    let answer = server.send(Request::new("GET", "/.well-known/jwks.json")).await;
    answer.assert(200, "");
    let age = answer.headers["cache-control"].to_str().unwrap();
    assert_eq!(age, format!("public, max-age={KEY_SET_AGE_SECS}"));
    answer.json()["keys"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_host_that_shares_no_secret_has_tokens_that_count_everywhere() {
    let server = start(OLD, false).await;
    let stale = issued(&server, json!({ "tenant": 7 })).await;
    server.get("/session", &stale).await.assert(200, "");
    upgrade_with(&server, &stale).await;
    server.get("/session", &stale).await.assert(401, "token.stale");
    let refresh = Request::new("POST", "/session/refresh").bearer(&stale);
    let refreshed = server.send(refresh).await;
    refreshed.assert(200, "");
    let fresh = refreshed.json()["accessToken"].as_str().unwrap().to_owned();
    assert_eq!(server.get("/session", &fresh).await.json()["role"], "paid");
    let mut socket = server.socket(&fresh).await;
    socket.sync().await;
    // The host's claims stay; those that can be checked offline are not its to set.
    let claims = json!({ "userId": "ada", "claims": { "role": "operator" } });
    post(&server, "/v1/tokens", &claims).await.assert(400, "body.invalid");
    // Without a secret nobody else signs.
    server.get("/session", &server.token("ada", 1)).await.assert(401, "token.invalid");
}

/// Has the user pay, with a socket that tells when that is applied.
async fn upgrade_with(server: &TestServer, token: &str) {
    let mut socket = server.socket(token).await;
    socket.sync().await;
    server.subscription("ada", "active").await;
    socket.reach(1).await;
}

#[tokio::test]
async fn keys_are_rolled_without_a_token_that_counts_nowhere() {
    // The new key is published before it signs, and the old one until its tokens have expired.
    let steps = [OLD.to_owned(), format!("{OLD},{NEW}"), format!("{NEW},{OLD}"), NEW.to_owned()];
    let mut tokens: Vec<(String, Value)> = Vec::new();
    for keys in steps {
        let server = start(&keys, true).await;
        let known = published(&server).await;
        assert_eq!(known.len(), keys.split(',').count());
        if let Some((token, key)) = tokens.last() {
            server.get("/session", token).await.assert(200, "");
            assert!(known.contains(key), "a host still finds it");
        }
        let token = issued(&server, json!({})).await;
        tokens.push((token, known[0].clone()));
    }
    let last = start(NEW, true).await;
    last.get("/session", &tokens[0].0).await.assert(401, "token.invalid");
    // The host goes on signing with the secret that it shares.
    last.get("/session", &last.token("ada", 0)).await.assert(200, "");
}

#[tokio::test]
async fn without_keys_of_its_own_a_server_publishes_none() {
    let server = crate::doors::start().await;
    assert!(published(&server).await.is_empty());
    upgrade(&server, "ada").await;
    let claims = json!({ "userId": "ada", "claims": { "role": "authenticated" } });
    post(&server, "/v1/tokens", &claims).await.assert(200, "");
}
