//! Every route and every refusal over HTTP, its limits and its end.

use std::time::Duration;

use tierlift_core::{
    limits::WEBHOOK_BODY_BYTES_MAX,
    ports::{DeadLetters as _, Store},
    stripe::signature::sign,
};
use tierlift_embedded::{OpenError, RunError, Server};
use tierlift_testkit::{
    facts::{event_id, policy},
    harness::{
        ORIGIN, WEBHOOK_SECRET,
        client::{Request, Response},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::server::{START, TestServer, settings};

#[tokio::test]
async fn a_webhook_gets_the_documented_answer() {
    let server = TestServer::start().await;
    let json = Some("application/json");
    let event = server.event("ada", "active");
    let ignored = r#"{"id":"evt_x","type":"invoice.created","data":{"object":{}}}"#;
    let (good, late) = (START, START.plus_secs(-301));
    for (body, secret, at, kind, status, code) in [
        (event.as_str(), WEBHOOK_SECRET, good, Some("application/json; charset=utf-8"), 200, ""),
        (&event, WEBHOOK_SECRET, good, json, 200, ""),
        (&event, WEBHOOK_SECRET, good, None, 200, ""),
        (ignored, WEBHOOK_SECRET, good, json, 200, ""),
        (&event, "whsec_other", good, json, 400, "signature.mismatch"),
        (&event, WEBHOOK_SECRET, late, json, 400, "signature.expired"),
        (&event, WEBHOOK_SECRET, START.plus_secs(301), json, 400, "signature.future"),
        (&event, WEBHOOK_SECRET, good, Some("text/plain"), 415, "content_type.unsupported"),
        ("{", WEBHOOK_SECRET, good, json, 400, "payload.malformed"),
        ("", WEBHOOK_SECRET, good, json, 400, "payload.malformed"),
        ("{}", WEBHOOK_SECRET, good, json, 400, "payload.malformed"),
        ("[]", WEBHOOK_SECRET, good, json, 400, "payload.malformed"),
        (
            r#"{"id":7,"type":"customer.created"}"#,
            WEBHOOK_SECRET,
            good,
            json,
            400,
            "payload.malformed",
        ),
    ] {
        let signature = sign(secret, body.as_bytes(), at);
        let mut request = Request::new("POST", "/webhooks/stripe");
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let request = request.header("stripe-signature", &signature).body(body.as_bytes());
        let answer = server.send(request).await;
        answer.assert(status, code);
        if status == 200 {
            let expected = if body == ignored { "ignored" } else { "accepted" };
            assert_eq!(answer.json()["status"], expected);
        }
    }
}

#[tokio::test]
async fn a_signature_header_of_any_garbage_is_refused_with_its_code() {
    let server = TestServer::start().await;
    for (header, code) in [
        (None, "signature.missing"),
        (Some(""), "signature.missing"),
        (Some("garbage"), "signature.malformed"),
        (Some("t=1"), "signature.no_v1"),
        (Some("t=1,v1=zz"), "signature.mismatch"),
    ] {
        let mut request = Request::new("POST", "/webhooks/stripe");
        if let Some(header) = header {
            request = request.header("stripe-signature", header);
        }
        server.send(request.body(b"{}")).await.assert(400, code);
    }
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_whether_it_says_so_or_not() {
    let server = TestServer::start().await;
    let said = Request::new("POST", "/webhooks/stripe")
        .header("content-length", &(WEBHOOK_BODY_BYTES_MAX + 1).to_string());
    server.send(said).await.assert(413, "body.too_large");

    let mut unsaid =
        Request::new("POST", "/webhooks/stripe").header("transfer-encoding", "chunked").bytes();
    let size = WEBHOOK_BODY_BYTES_MAX + 1;
    unsaid.extend(format!("{size:x}\r\n").into_bytes());
    unsaid.resize(unsaid.len() + size, b' ');
    let mut stream = server.connect().await;
    stream.write_all(&unsaid).await.unwrap();
    Response::read(&mut stream).await.assert(413, "body.too_large");

    let mut fits = r#"{"id":"evt_x","type":"invoice.paid""#.to_owned();
    fits.push_str(&" ".repeat(WEBHOOK_BODY_BYTES_MAX - fits.len() - 1));
    fits.push('}');
    assert_eq!(fits.len(), WEBHOOK_BODY_BYTES_MAX);
    server.webhook(&fits).await.assert(200, "");
}

#[tokio::test]
async fn the_type_of_a_problem_leads_to_its_page() {
    let server = TestServer::start().await;
    let refused = server.send(Request::new("GET", "/session")).await;
    refused.assert(401, "token.missing");
    let problem = refused.json();
    for path in [problem["type"].as_str().unwrap(), "/codes/command.failed"] {
        let page = server.send(Request::new("GET", path)).await;
        assert_eq!(page.status, 200);
        assert_eq!(page.headers["content-type"], "text/markdown; charset=utf-8");
        let code = path.strip_prefix("/codes/").unwrap();
        assert!(page.body.starts_with(&format!("# `{code}`: ")), "{}", page.body);
    }
    for (method, path, status, code) in [
        ("GET", "/codes/token.unknown", 404, "route.not_found"),
        ("GET", "/codes/", 404, "route.not_found"),
        ("GET", "/codes/%ff", 404, "route.not_found"),
        ("POST", "/codes/token.stale", 405, "method.not_allowed"),
    ] {
        server.send(Request::new(method, path)).await.assert(status, code);
    }
}

#[tokio::test]
async fn other_routes_and_methods_are_refused() {
    let server = TestServer::start().await;
    for (method, path, status, code) in [
        ("GET", "/", 404, "route.not_found"),
        ("POST", "/webhooks", 404, "route.not_found"),
        ("GET", "/webhooks/stripe", 405, "method.not_allowed"),
        ("DELETE", "/session", 405, "method.not_allowed"),
        ("GET", "/session/refresh", 405, "method.not_allowed"),
        ("POST", "/healthz", 405, "method.not_allowed"),
        ("POST", "/ws", 405, "method.not_allowed"),
    ] {
        let answer = server.send(Request::new(method, path)).await;
        answer.assert(status, code);
        assert_eq!(answer.headers.contains_key("allow"), status == 405, "{method} {path}");
    }
}

#[tokio::test]
async fn who_sends_slowly_is_not_waited_for() {
    let short = Duration::from_millis(50);
    let bend = |settings: &mut tierlift_embedded::Settings| {
        settings.timeouts.request_head = short;
        settings.timeouts.request_body = short;
    };
    let server = TestServer::start_with(bend, |server| server).await;

    let (mut silent, mut slow_head, mut slow_body) =
        (server.connect().await, server.connect().await, server.connect().await);
    slow_head.write_all(b"POST /webhooks/stripe HTTP/1.1\r\nhost:").await.unwrap();
    let request = Request::new("POST", "/webhooks/stripe").header("content-length", "100");
    slow_body.write_all(&request.bytes()).await.unwrap();

    Response::read(&mut slow_body).await.assert(408, "body.timeout");
    let mut rest = Vec::new();
    assert_eq!(silent.read_to_end(&mut rest).await.unwrap(), 0);
    // A head that began may get a 408 before it is cut.
    slow_head.read_to_end(&mut rest).await.unwrap();
}

/// A server that waits for a request for 50 ms, and a connection to it.
async fn connected_to_an_impatient_server() -> (TestServer, TcpStream) {
    let change = |settings: &mut tierlift_embedded::Settings| {
        settings.timeouts.request_head = Duration::from_millis(50);
    };
    let server = TestServer::start_with(change, |server| server).await;
    let stream = server.connect().await;
    (server, stream)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_asks_and_never_reads_is_cut() {
    let (_server, mut stream) = connected_to_an_impatient_server().await;
    let requests = b"GET /metrics HTTP/1.1\r\nhost: tierlift\r\n\r\n".repeat(1_000);
    // The answers fill every buffer on the way; then the server can neither write nor read.
    while stream.write_all(&requests).await.is_ok() {}
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_its_time_and_then_closed() {
    let (_server, mut stream) = connected_to_an_impatient_server().await;
    for _ in 0..2 {
        stream.write_all(b"GET /nowhere HTTP/1.1\r\nhost: tierlift\r\n\r\n").await.unwrap();
        let mut begin = [0; 12];
        stream.read_exact(&mut begin).await.unwrap();
        assert_eq!(&begin, b"HTTP/1.1 404");
        let mut byte = 0;
        while byte != b'}' {
            byte = stream.read_u8().await.unwrap();
        }
    }
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn health_and_metrics_say_how_full_the_queue_is() {
    let server = TestServer::start().await;
    let mut socket = server.socket(&server.token("ada", 0)).await;
    server.subscription("ada", "active").await;
    assert_eq!(socket.hear().await["type"], "ROLE_UPGRADED");
    let unmapped = server.event("bob", "active").replace("price_pro", "price_unheard_of");
    server.webhook(&unmapped).await.assert(200, "");
    // Its turn comes after the parked one's, in the same group.
    server.subscription("bob", "active").await;
    while server.db.depth().await.unwrap().queued > 0 {
        tokio::task::yield_now().await;
    }

    let health = server.get("/healthz", "").await;
    health.assert(200, "");
    assert_eq!(
        health.body,
        r#"{"status":"ok","queue":{"queued":0,"dead":1,"oldestAgeSeconds":0.0}}"#
    );
    let metrics = server.get("/metrics", "").await;
    metrics.assert(200, "");
    for line in [
        "tierlift_dead_letters 1",
        "tierlift_queue_depth 0",
        "tierlift_sockets 1",
        r#"tierlift_webhooks_total{result="accepted",code="ok"}"#,
        "tierlift_ack_seconds_bucket{le=\"0.001\"}",
        "tierlift_queue_to_commit_seconds_count",
        "tierlift_webhook_to_socket_seconds_sum",
        r#"tierlift_notices_total{result="sent"}"#,
    ] {
        assert!(metrics.body.contains(line), "{line} is not in\n{}", metrics.body);
    }
}

#[tokio::test]
async fn a_listed_origin_may_call_and_no_other() {
    let server = TestServer::start().await;
    for (origin, allowed) in [(ORIGIN, true), ("https://evil.example.com", false)] {
        for path in ["/session", "/session/confirm", "/session/refresh"] {
            let preflight = Request::new("OPTIONS", path)
                .header("origin", origin)
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", "authorization,traceparent,sentry-trace");
            let answer = server.send(preflight).await;
            answer.assert(200, "");
            let allowed_origin = answer.headers.get("access-control-allow-origin");
            assert_eq!(allowed_origin.is_some_and(|value| value == origin), allowed, "{path}");
        }
        let call = Request::new("GET", "/session")
            .header("origin", origin)
            .bearer(&server.token("ada", 0));
        let answer = server.send(call).await;
        answer.assert(200, "");
        assert_eq!(answer.headers.contains_key("access-control-allow-origin"), allowed);
    }
}

#[tokio::test]
async fn a_stopping_server_answers_what_it_began_and_closes_sockets_with_1001() {
    let mut server = TestServer::start().await;
    let mut socket = server.socket(&server.token("ada", 0)).await;
    assert_eq!(socket.sync().await["type"], "SNAPSHOT");
    let (mut idle, mut busy) = (server.connect().await, server.connect().await);
    let body = server.event("ada", "active");
    let signature = sign(WEBHOOK_SECRET, body.as_bytes(), server.now());
    let request = Request::new("POST", "/webhooks/stripe")
        .header("expect", "100-continue")
        .header("stripe-signature", &signature)
        .header("content-length", &body.len().to_string());
    busy.write_all(&request.bytes()).await.unwrap();
    // The server says so when it begins to read the body: the request is in flight.
    let mut go_on = [0; 25];
    busy.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");

    server.stop();
    assert_eq!(idle.read(&mut [0]).await.unwrap(), 0, "idle connections go first");
    assert!(tokio::net::TcpStream::connect(server.address).await.is_err(), "and no new one comes");
    busy.write_all(body.as_bytes()).await.unwrap();
    Response::read(&mut busy).await.assert(200, "");
    assert_eq!(u16::from(socket.closed().await.unwrap().code), 1001);
    drop(socket);
    let db = server.db.clone();
    server.ended().await.unwrap();
    let queued = db.depth().await.unwrap().queued;
    let applied = db.ledger(&event_id("evt_0")).await.unwrap();
    assert!(applied.is_some() || queued == 1, "what was acknowledged is durable");
}

fn short_shutdown(settings: &mut tierlift_embedded::Settings) {
    settings.timeouts.shutdown = Duration::from_millis(200);
}

#[tokio::test]
async fn half_a_request_does_not_hold_up_a_shutdown() {
    let mut server = TestServer::start_with(short_shutdown, |server| server).await;
    let mut half_a_head = server.connect().await;
    half_a_head.write_all(b"GET /session HT").await.unwrap();
    let mut half_a_body = server.connect().await;
    let request = Request::new("POST", "/webhooks/stripe")
        .header("expect", "100-continue")
        .header("content-length", "100");
    half_a_body.write_all(&request.bytes()).await.unwrap();
    half_a_body.read_exact(&mut [0; 25]).await.unwrap();
    let mut socket = server.socket(&server.token("ada", 0)).await;
    server.stop();
    assert_eq!(u16::from(socket.closed().await.unwrap().code), 1001);
    drop(socket);
    server.ended().await.unwrap();
}

#[tokio::test]
async fn a_shutdown_that_takes_too_long_ends_all_the_same() {
    let mut server = TestServer::start_with(short_shutdown, |server| server).await;
    // It never answers the server's goodbye.
    let _socket = server.socket(&server.token("ada", 0)).await;
    server.stop();
    assert!(matches!(server.ended().await, Err(RunError::ShutdownTimeout)));
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let clock = tierlift_embedded::system_clock();
    let open = |bend: fn(&mut tierlift_embedded::Settings)| {
        let mut settings = settings(&folder, clock.clone());
        bend(&mut settings);
        async { Server::open(settings).await.err().unwrap() }
    };
    let origin = open(|settings| settings.allowed_origins = vec!["example.com".to_owned()]).await;
    assert!(matches!(origin, OpenError::Origin(_)), "{origin}");
    let keys = open(|settings| settings.keys = tierlift_core::token::TokenKeys::new(None)).await;
    assert!(matches!(keys, OpenError::NoKeys), "{keys}");
    drop(Server::open(settings(&folder, clock.clone())).await.unwrap());
    let livemode = open(|settings| {
        let mut live = policy();
        live.livemode = true;
        settings.policy = live.into();
    })
    .await;
    assert!(livemode.to_string().contains("holds what test events did"), "{livemode}");
    let jwks =
        open(|settings| settings.jwks_url = Some("https://a.example".parse().unwrap())).await;
    assert!(matches!(jwks, OpenError::NoIssuer), "{jwks}");
}
