//! Sockets of the deployed API: which open, what closes them, and pushes where some are gone.

use futures_util::SinkExt as _;
use tierlift_aws::sockets::{ConnectionId, Connections};
use tierlift_core::{
    id::RevocationId,
    limits::{CONNECTION_OPENING_SECS, SOCKET_FRAME_BYTES_MAX, SOCKETS_PER_USER_MAX},
    ports::{GatewaySockets as _, Holder, Sockets as _},
    token::{Secret, TokenTimes},
};
use tierlift_testkit::{
    facts::user_id,
    harness::{ORIGIN, eventually, now},
};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

use super::deploy::{Stack, subscribed};

async fn holds(connections: &Connections, user: &str, count: usize) {
    eventually(&format!("{user} has {count} sockets"), async || {
        connections.for_user(&user_id(user)).await.unwrap().len() == count
    })
    .await;
}

#[tokio::test]
async fn a_socket_needs_its_protocol_an_allowed_page_and_a_good_token() {
    let stack = Stack::start().await;
    stack.accepts(&subscribed("evt_1", "ada")).await;
    eventually("ada paid", async || stack.session("ada").await["role"] == "paid").await;
    let other = Secret::new("another secret of thirty-two bytes").unwrap();
    let forged = other.mint(&user_id("ada"), RevocationId(1), now());
    let (good, stale) = (stack.token("ada", 1), stack.token("ada", 0));
    for (version, token, origin) in [
        ("v1", &*good, Some("https://evil.example.com")),
        ("v1", &good, Some("null")),
        ("v1", "", None),
        ("v1", "garbage", Some(ORIGIN)),
        ("v1", &forged, Some(ORIGIN)),
        ("v1", &stale, Some(ORIGIN)),
        ("v2", &good, Some(ORIGIN)),
    ] {
        let mut protocols = vec![format!("tierlift.{version}")];
        protocols.extend((!token.is_empty()).then(|| format!("bearer.{token}")));
        // The emulator answers every refusal with 403; on AWS the status is the function's.
        match stack.try_socket(&protocols, origin).await {
            Err(Error::Http(answer)) => assert_eq!(answer.status(), 403),
            other => panic!("{:?}", other.map(|_| "it opened")),
        }
    }
    let connections = stack.connections();
    assert_eq!(connections.for_user(&user_id("ada")).await.unwrap(), []);

    let protocols = ["tierlift.v1".to_owned(), format!("bearer.{good}")];
    for origin in [Some(ORIGIN), None] {
        let mut socket = stack.try_socket(&protocols, origin).await.unwrap();
        assert_eq!(socket.sync().await["role"], "paid");
        assert_eq!(connections.for_user(&user_id("ada")).await.unwrap().len(), 1);
        drop(socket);
        holds(&connections, "ada", 0).await;
    }
}

#[tokio::test]
async fn what_is_not_in_the_protocol_closes_the_socket() {
    let stack = Stack::start().await;
    let connections = stack.connections();
    let mut other = stack.socket("ada").await;
    let long = |size: usize| format!(r#"{{"action":"sync","pad":"{}"}}"#, "x".repeat(size));
    let fits = long(SOCKET_FRAME_BYTES_MAX - long(0).len());
    other.say(&fits).await;
    assert_eq!(other.hear().await["type"], "SNAPSHOT");
    for frame in [
        Message::text("garbage"),
        Message::text(r#"{"action":"shout"}"#),
        Message::text(r#"{"action":{"a":"sync"}}"#),
        Message::text(fits + " "),
        Message::text(long(30 * 1024)),
        Message::Binary(Bytes::from_static(br#"{"action":"sync"}"#)),
    ] {
        let mut socket = stack.socket("ada").await;
        holds(&connections, "ada", 2).await;
        socket.wire.send(frame.clone()).await.unwrap();
        let close = socket.closed().await;
        assert!(close.is_some(), "{frame:?}");
        holds(&connections, "ada", 1).await;
    }
    assert_eq!(other.sync().await["type"], "SNAPSHOT");
}

#[tokio::test]
async fn sockets_that_are_gone_are_forgotten_and_the_others_get_the_notice() {
    let stack = Stack::start().await;
    let connections = stack.connections();
    let mut tabs = [stack.socket("ada").await, stack.socket("ada").await];
    let cut = stack.socket("ada").await;
    holds(&connections, "ada", 3).await;
    // This connection ends without a close frame.
    drop(cut.wire.into_inner());
    holds(&connections, "ada", 2).await;
    // And this row is of a socket for which API Gateway never sent `$disconnect`.
    let gone = ConnectionId::new("gone");
    let token = TokenTimes { issued_at: Some(now()), valid_until: now().plus_secs(900) };
    let opened_at = now().plus_secs(-CONNECTION_OPENING_SECS);
    let holder = Holder { user: user_id("ada"), others: Vec::new(), opened_at, token };
    connections.open(&gone, &holder).await.unwrap();
    holds(&connections, "ada", 3).await;

    stack.accepts(&subscribed("evt_1", "ada")).await;
    for tab in &mut tabs {
        assert_eq!(tab.hear().await["type"], "ROLE_UPGRADED");
        assert_eq!(tab.sync().await["type"], "SNAPSHOT");
    }
    holds(&connections, "ada", 2).await;
    assert_eq!(connections.holder(&gone).await.unwrap(), None);
    eventually("it is counted", async || {
        let count = async |result| {
            stack.counted("notifier-stream", "tierlift_notices_total", ("result", result)).await
        };
        (count("sent").await, count("gone").await, count("failed").await) == (2, 1, 0)
    })
    .await;
}

#[tokio::test]
async fn one_socket_too_many_closes_the_oldest() {
    let stack = Stack::start().await;
    let mut sockets = Vec::new();
    for _ in 0..=SOCKETS_PER_USER_MAX {
        sockets.push(stack.socket("ada").await);
    }
    assert!(sockets.remove(0).closed().await.is_some());
    holds(&stack.connections(), "ada", SOCKETS_PER_USER_MAX).await;
    stack.accepts(&subscribed("evt_1", "ada")).await;
    for socket in &mut sockets {
        assert_eq!(socket.hear().await["type"], "ROLE_UPGRADED");
    }
}

#[tokio::test]
async fn a_socket_whose_token_has_expired_hears_that_and_no_notice() {
    let stack = Stack::start().await;
    let connections = stack.connections();
    let mut old = stack.socket("ada").await;
    holds(&connections, "ada", 1).await;
    let [socket] = &*connections.for_user(&user_id("ada")).await.unwrap() else { panic!() };
    let mut holder = connections.holder(socket).await.unwrap().unwrap();
    holder.token.valid_until = now();
    connections.open(socket, &holder).await.unwrap();
    let mut fresh = stack.socket("ada").await;
    stack.accepts(&subscribed("evt_1", "ada")).await;
    assert_eq!(fresh.hear().await["type"], "ROLE_UPGRADED");
    let close = old.hear().await;
    assert_eq!(close["code"], 4001, "{close}");
    assert!(old.closed().await.is_some());
    holds(&connections, "ada", 1).await;
}
