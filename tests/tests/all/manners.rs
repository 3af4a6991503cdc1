//! What RFC 9112 asks of a server beyond its routes: one `Host`, and a response to a client that is half closed.

use tierlift_core::stripe::signature::sign;
use tierlift_testkit::harness::{
    WEBHOOK_SECRET,
    client::{Request, Response},
};
use tokio::io::AsyncWriteExt as _;

use crate::server::TestServer;

#[tokio::test]
async fn a_client_that_has_finished_sending_is_answered() {
    let server = TestServer::start().await;
    let body = server.event("ada", "active");
    let signature = sign(WEBHOOK_SECRET, body.as_bytes(), server.now());
    let webhook = Request::new("POST", "/webhooks/stripe").header("stripe-signature", &signature);
    for request in [webhook.body(body.as_bytes()), Request::new("GET", "/healthz")] {
        let mut stream = server.connect().await;
        stream.write_all(&request.bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        Response::read(&mut stream).await.assert(200, "");
    }
}

#[tokio::test]
async fn a_request_has_one_host() {
    let server = TestServer::start().await;
    for (version, headers, status, code) in [
        ("1.1", "host: tierlift\r\n", 200, ""),
        ("1.1", "host: [::1]:8787\r\n", 200, ""),
        ("1.1", "host:\r\n", 200, ""),
        ("1.0", "", 200, ""),
        ("1.1", "", 400, "host.invalid"),
        ("1.1", "host: tierlift\r\nhost: tierlift\r\n", 400, "host.invalid"),
        ("1.0", "host: tierlift\r\nhost: other\r\n", 400, "host.invalid"),
        ("1.1", "host: somebody@tierlift\r\n", 400, "host.invalid"),
        ("1.1", "host: a b\r\n", 400, "host.invalid"),
    ] {
        let mut stream = server.connect().await;
        let request = format!("GET /healthz HTTP/{version}\r\n{headers}connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        Response::read(&mut stream).await.assert(status, code);
    }
}

#[tokio::test]
async fn a_server_with_names_of_its_own_refuses_others() {
    let names = vec!["app.example.com".to_owned(), "[::1]".to_owned()];
    let server = TestServer::start_with(|_| {}, |server| server.with_hosts(names)).await;
    for (host, status, code) in [
        ("app.example.com", 200, ""),
        ("APP.example.com:8787", 200, ""),
        ("[::1]:80", 200, ""),
        ("evil.example.com", 403, "host.refused"),
        ("app.example.com.evil.example.com", 403, "host.refused"),
    ] {
        let mut stream = server.connect().await;
        let request = format!("GET /healthz HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        Response::read(&mut stream).await.assert(status, code);
    }
}
