//! Sockets: who gets one, what is pushed to it, and when it is cut.

use std::time::Duration;

use futures_util::SinkExt;
use serde_json::json;
use tierlift_core::{
    id::RevocationId,
    limits::{
        SOCKET_FRAME_BYTES_MAX, SOCKET_FRAMES_BURST_MAX, SOCKET_OUTBOX_FRAMES_MAX,
        SOCKET_SYSTEM_BUFFER_BYTES, SOCKETS_PER_USER_MAX, TOKEN_TTL_SECS, USER_FRAMES_BURST_MAX,
    },
    token::Secret,
};
use tierlift_testkit::{
    facts::user_id,
    harness::{
        ORIGIN,
        client::{Request, Response},
        socket::Socket,
        token_secret,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::server::{START, TestServer};

/// The request of a browser that offers these subprotocols.
fn upgrade(protocols: &str) -> Request<'static> {
    let request = Request::upgrade("/ws");
    if protocols.is_empty() { request } else { request.header("sec-websocket-protocol", protocols) }
}

#[tokio::test]
async fn a_socket_needs_its_protocol_an_allowed_page_and_a_good_token() {
    let server = TestServer::start().await;
    server.subscription("ada", "active").await;
    let mut socket = server.socket(&server.token("ada", 1)).await;
    socket.reach(1).await;
    let other = Secret::new("another secret of thirty-two bytes").unwrap();
    let forged = other.mint(&user_id("ada"), RevocationId(1), server.now());
    let expired = token_secret().mint(
        &user_id("ada"),
        RevocationId(1),
        START.plus_secs(-TOKEN_TTL_SECS - 60),
    );
    let offer = |token: &str| format!("tierlift.v1, bearer.{token}");
    let (good, stale) = (offer(&server.token("ada", 1)), offer(&server.token("ada", 0)));
    for (request, status, code) in [
        (upgrade(&good), 101, ""),
        (upgrade(&good).header("origin", ORIGIN), 101, ""),
        (upgrade(&good).header("origin", "https://evil.example.com"), 403, "origin.refused"),
        (upgrade(&good).header("origin", "null"), 403, "origin.refused"),
        (upgrade("tierlift.v1"), 401, "token.missing"),
        (upgrade("tierlift.v1, bearer."), 401, "token.missing"),
        (upgrade(&offer("garbage")), 401, "token.invalid"),
        (upgrade(&offer(&forged)), 401, "token.invalid"),
        (upgrade(&offer(&expired)), 401, "token.expired"),
        (upgrade(&stale), 401, "token.stale"),
        (upgrade(&good.replace("v1", "v2")), 400, "subprotocol.required"),
        (upgrade(""), 400, "subprotocol.required"),
        (
            Request::new("GET", "/ws").header("sec-websocket-protocol", &good),
            426,
            "upgrade.required",
        ),
    ] {
        let mut stream = server.connect().await;
        stream.write_all(&request.bytes()).await.unwrap();
        if status == 101 {
            let mut begin = [0; 12];
            stream.read_exact(&mut begin).await.unwrap();
            assert_eq!(&begin, b"HTTP/1.1 101");
        } else {
            Response::read(&mut stream).await.assert(status, code);
        }
    }
}

#[tokio::test]
async fn every_tab_is_told_of_every_change_in_order() {
    let server = TestServer::start().await;
    let mut tabs = server.sockets(["ada", "ada", "bob"]).await;
    for (tab, user) in tabs.iter_mut().zip(["ada", "ada", "bob"]) {
        let snapshot = json!({
            "v": 1, "type": "SNAPSHOT", "userId": user, "role": "free", "revocationId": 0,
            "accountVersion": 0, "features": [], "status": null, "subscriptionActive": false,
            "subscriptionExpiresAt": null, "trialEndsAt": null, "cancelAt": null,
            "pastDueSince": null, "roleAssignedAt": null, "roles": ["free", "paid", "operator"],
            "epoch": 0,
        });
        assert_eq!(tab.sync().await, snapshot);
    }
    server.subscription("ada", "active").await;
    server.subscription("ada", "unpaid").await;
    let [first, second, bobs] = &mut tabs;
    for tab in [first, second] {
        let up = tab.hear().await;
        assert_eq!(up["type"], "ROLE_UPGRADED");
        assert_eq!((&up["previousRole"], &up["role"]), (&json!("free"), &json!("paid")));
        assert_eq!((&up["userId"], &up["eventId"]), (&json!("ada"), &json!("evt_0")));
        let down = tab.hear().await;
        assert_eq!((&down["type"], &down["role"]), (&json!("ROLE_DOWNGRADED"), &json!("free")));
        assert_eq!((&up["revocationId"], &down["revocationId"]), (&json!(1), &json!(2)));
        let snapshot = tab.sync().await;
        assert_eq!((&snapshot["role"], &snapshot["revocationId"]), (&json!("free"), &json!(2)));
        assert_eq!(snapshot["roleAssignedAt"], down["at"]);
    }
    bobs.say(r#"{"action":"ping"}"#).await;
    assert_eq!(bobs.hear().await, json!({ "v": 1, "type": "PONG" }), "and nothing of ada's before");
}

#[tokio::test]
async fn what_is_not_in_the_protocol_closes_the_socket_with_its_code() {
    let server = TestServer::start().await;
    let long = |size: usize| format!(r#"{{"action":"sync","pad":"{}"}}"#, "x".repeat(size));
    let fits = long(SOCKET_FRAME_BYTES_MAX - long(0).len());
    let mut socket = server.socket(&server.token("ada", 0)).await;
    socket.say(&fits).await;
    assert_eq!(socket.hear().await["type"], "SNAPSHOT");

    for (frame, code, reason) in [
        (Message::text("garbage"), 1008, "frame_invalid"),
        (Message::text(r#"{"action":"shout"}"#), 1008, "frame_invalid"),
        (Message::text(""), 1008, "frame_invalid"),
        (Message::Binary(Bytes::from_static(b"{}")), 1008, "frame_invalid"),
        (Message::text(fits + " "), 1009, "frame_too_large"),
        (Message::text("x".repeat(1 << 20)), 1009, "frame_too_large"),
    ] {
        let mut socket = server.socket(&server.token("ada", 0)).await;
        // The server may have closed before it was all said.
        let _ = socket.wire.send(frame).await;
        let close = socket.closed().await.unwrap();
        assert_eq!((u16::from(close.code), close.reason.as_str()), (code, reason));
    }
}

#[tokio::test]
async fn a_client_that_breaks_the_rfc_is_closed() {
    let server = TestServer::start().await;
    for frame in [b"\x81\x02{}".as_slice(), b"\xf1\x80aaaa", b"\x81\x82aaaa\x9e\x9f"] {
        let mut stream = server.connect().await;
        let token = server.token("ada", 0);
        stream.write_all(&upgrade(&format!("tierlift.v1, bearer.{token}")).bytes()).await.unwrap();
        stream.write_all(frame).await.unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        let end = all.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
        assert_eq!(&all[end..], b"\x88\x10\x03\xeaprotocol_error", "{frame:?}");
    }
}

#[tokio::test]
async fn one_socket_too_many_closes_the_oldest() {
    let server = TestServer::start().await;
    let mut sockets = Vec::new();
    for _ in 0..=SOCKETS_PER_USER_MAX {
        sockets.push(server.socket(&server.token("ada", 0)).await);
    }
    let mut others = server.socket(&server.token("bob", 0)).await;
    let close = sockets.remove(0).closed().await.unwrap();
    assert_eq!((u16::from(close.code), close.reason.as_str()), (4008, "too_many_sockets"));
    server.subscription("ada", "active").await;
    for socket in &mut sockets {
        assert_eq!(socket.hear().await["type"], "ROLE_UPGRADED");
    }
    assert_eq!(others.sync().await["role"], "free");
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_cut_and_catches_up_by_its_snapshot() {
    let bend = |settings: &mut tierlift_embedded::Settings| {
        settings.timeouts.socket_close = Duration::from_millis(50);
    };
    let server = TestServer::start_with(bend, |server| server).await;
    let mut watching = server.socket(&server.token("ada", 0)).await;
    let narrow = TcpSocket::new_v4().unwrap();
    narrow.set_recv_buffer_size(4096).unwrap();
    narrow.set_send_buffer_size(4096).unwrap();
    let narrow: TcpStream = narrow.connect(server.address).await.unwrap();
    let mut slow = Socket::open_on(narrow, &server.token("ada", 0)).await;
    // More than every buffer on the way holds, and the outbox behind them.
    let notice_bytes = 400;
    let changes = 2 * SOCKET_SYSTEM_BUFFER_BYTES / notice_bytes + 4 * SOCKET_OUTBOX_FRAMES_MAX;
    for change in 0..changes {
        let status = if change % 2 == 0 { "active" } else { "unpaid" };
        server.subscription("ada", status).await;
        assert_eq!(watching.hear().await["revocationId"], change + 1);
    }
    // What was on its way comes, the notices that waited do not, and then the stream ends.
    let mut rest = Vec::new();
    let _ = slow.wire.get_mut().read_to_end(&mut rest).await;
    let told = String::from_utf8_lossy(&rest).matches("ROLE_").count();
    assert!(told < changes, "{told}");

    let mut again = server.socket(&server.token("ada", changes.try_into().unwrap())).await;
    assert_eq!(again.sync().await["revocationId"], changes);
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_cut_and_others_are_kept() {
    let bend = |settings: &mut tierlift_embedded::Settings| {
        settings.timeouts.socket_ping = Duration::from_millis(640);
        settings.timeouts.socket_close = Duration::from_millis(50);
    };
    let server = TestServer::start_with(bend, |server| server).await;
    let mut alive = server.socket(&server.token("bob", 0)).await;
    let mut dead = server.socket(&server.token("ada", 0)).await;
    let mut all = Vec::new();
    let until_cut = dead.wire.get_mut().read_to_end(&mut all);
    // To listen is to answer: the library sends the pongs.
    tokio::select! {
        read = until_cut => { read.unwrap(); }
        close = alive.closed() => panic!("{close:?}"),
    }
    // Two pings, and then 4010.
    assert_eq!(all, b"\x89\x00\x89\x00\x88\x0e\x0f\xaaunresponsive");
    assert_eq!(alive.sync().await["type"], "SNAPSHOT");
}

#[tokio::test]
async fn a_client_that_sends_too_many_frames_is_cut_and_no_other() {
    let server = TestServer::start().await;
    let mut greedy = server.socket(&server.token("ada", 0)).await;
    let mut calm = server.socket(&server.token("ada", 0)).await;
    for _ in 0..=SOCKET_FRAMES_BURST_MAX + 10 {
        // Pings count as well. The server may have closed before all were sent.
        let _ = greedy.wire.send(Message::Ping(Bytes::new())).await;
    }
    let close = greedy.closed().await.unwrap();
    assert_eq!((u16::from(close.code), close.reason.as_str()), (4011, "too_many_frames"));
    assert_eq!(calm.sync().await["type"], "SNAPSHOT");
}

#[tokio::test]
async fn a_user_does_not_get_more_frames_by_more_sockets() {
    let server = TestServer::start().await;
    let mut others = server.socket(&server.token("bob", 0)).await;
    let mut greedy = Vec::new();
    for _ in 0..10 {
        greedy.push(server.socket(&server.token("ada", 0)).await);
    }
    let each = USER_FRAMES_BURST_MAX / 5;
    assert!(each <= SOCKET_FRAMES_BURST_MAX, "no socket alone sends too many");
    for socket in &mut greedy {
        for _ in 0..each {
            let _ = socket.wire.feed(Message::Pong(Bytes::new())).await;
        }
        let _ = socket.wire.flush().await;
    }
    let close = greedy.last_mut().unwrap().closed().await.unwrap();
    assert_eq!(u16::from(close.code), 4011);
    assert_eq!(others.sync().await["type"], "SNAPSHOT");
}

#[tokio::test]
async fn a_close_frame_is_answered_before_the_stream_ends() {
    let server = TestServer::start().await;
    let mut stream = server.connect().await;
    let token = server.token("ada", 0);
    stream.write_all(&upgrade(&format!("tierlift.v1, bearer.{token}")).bytes()).await.unwrap();
    // 1000, masked with zeros.
    stream.write_all(b"\x88\x82\0\0\0\0\x03\xe8").await.unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    assert!(all.ends_with(b"\r\n\r\n\x88\x02\x03\xe8"), "{:?}", String::from_utf8_lossy(&all));
}

#[tokio::test]
async fn a_closing_client_is_answered_and_forgotten() {
    let server = TestServer::start().await;
    let mut socket = server.socket(&server.token("ada", 0)).await;
    socket.wire.close(None).await.unwrap();
    socket.closed().await;
    let gone = "tierlift_sockets 0";
    while !server.get("/metrics", "").await.body.contains(gone) {
        tokio::task::yield_now().await;
    }
}
