use std::net::SocketAddr;

use axum::{body::Bytes, http::StatusCode, routing::post};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinHandle,
};

use super::*;
use crate::http::Room;

const LONG: Duration = Duration::from_secs(30);

/// A server with little room. `POST` to the webhooks' path succeeds with a body, and fails without one.
struct Server {
    address: SocketAddr,
    connections: Connections,
    running: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn serve_in(room: Room) -> Server {
    let answer = async |body: Bytes| {
        if body.is_empty() { StatusCode::BAD_REQUEST } else { StatusCode::OK }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, connections) = (listener.local_addr().unwrap(), Connections::new(room));
    let accept_loop = AcceptLoop {
        listener,
        router: Router::new().route(tierlift_ingest::PATH, post(answer)),
        connections: connections.clone(),
        hosts: Hosts::default(),
        head_timeout: LONG,
        finish_timeout: LONG,
    };
    let running = tokio::spawn(async move {
        accept_loop.run(std::future::pending()).await;
    });
    Server { address, connections, running }
}

struct Client(TcpStream);

impl Client {
    async fn connect(server: &Server) -> Self {
        Self(TcpStream::connect(server.address).await.unwrap())
    }

    /// Sends the head of a request, and as much of its body.
    async fn begin(&mut self, length: usize, sent: usize) {
        let path = tierlift_ingest::PATH;
        let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n");
        self.0.write_all(head.as_bytes()).await.unwrap();
        self.send(sent).await;
    }

    async fn send(&mut self, bytes: usize) {
        self.0.write_all(&vec![b'x'; bytes]).await.unwrap();
    }

    /// What is read until a head without a body is complete, or until the end.
    async fn answer(&mut self) -> String {
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\n") {
            if self.0.read_buf(&mut text).await.unwrap_or(0) == 0 {
                break;
            }
        }
        String::from_utf8(text).unwrap()
    }
}

async fn eventually(holds: impl Fn() -> bool) {
    let waited = timeout(LONG, async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.unwrap();
}

#[tokio::test]
async fn one_connection_too_many_ends_the_longest_silent_that_delivered_nothing() {
    let server = serve_in(Room { connections: 3, inflight_bytes: 1 << 20 }).await;
    let mut delivered = Client::connect(&server).await;
    delivered.begin(1, 1).await;
    assert!(delivered.answer().await.starts_with("HTTP/1.1 200"));
    let mut silent = Client::connect(&server).await;
    eventually(|| server.connections.len() == 2).await;
    let mut half = Client::connect(&server).await;
    half.0.write_all(b"POST /").await.unwrap();
    eventually(|| server.connections.inflight_bytes() == 6).await;

    let mut newcomer = Client::connect(&server).await;
    newcomer.begin(0, 0).await;
    assert!(newcomer.answer().await.starts_with("HTTP/1.1 400"));
    assert_eq!(silent.answer().await, "");
    let mut another = Client::connect(&server).await;
    another.begin(1, 1).await;
    assert!(another.answer().await.starts_with("HTTP/1.1 200"));
    assert_eq!(half.answer().await, "");
    // What was delivered over it before makes it the last to end.
    delivered.begin(1, 1).await;
    assert!(delivered.answer().await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn bodies_beyond_the_room_are_refused_and_the_one_that_goes_on_is_not() {
    let room = Room { connections: 10, inflight_bytes: 64 * 1024 };
    let server = serve_in(room).await;
    let (mut first, mut second) = (Client::connect(&server).await, Client::connect(&server).await);
    first.begin(50_000, 40_000).await;
    eventually(|| server.connections.inflight_bytes() > 40_000).await;
    second.begin(50_000, 40_000).await;
    let refusal = first.answer().await.to_lowercase();
    assert!(refusal.starts_with("http/1.1 503"), "{refusal}");
    assert!(refusal.contains("\r\nretry-after: 1\r\n"), "{refusal}");
    assert!(refusal.contains("\r\nconnection: close\r\n"), "{refusal}");
    assert!(refusal.contains(r#""code":"server.overloaded""#), "{refusal}");
    second.send(10_000).await;
    assert!(second.answer().await.starts_with("HTTP/1.1 200"));
    assert_eq!(server.connections.inflight_bytes(), 0, "the room is free again");
}

#[tokio::test]
async fn a_refused_request_gives_its_room_back() {
    let server = serve_in(Room { connections: 10, inflight_bytes: 1 << 20 }).await;
    let mut client = Client::connect(&server).await;
    for _ in 0..3 {
        client.0.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n").await.unwrap();
        let mut refusal = Vec::new();
        while !refusal.ends_with(b"}") {
            assert!(client.0.read_buf(&mut refusal).await.unwrap() > 0);
        }
        eventually(|| server.connections.inflight_bytes() == 0).await;
    }
    assert_eq!(server.connections.len(), 1, "it stayed open");
}

#[tokio::test]
async fn half_a_head_takes_room_until_its_connection_ends() {
    let server = serve_in(Room { connections: 10, inflight_bytes: 8_000 }).await;
    let mut first = Client::connect(&server).await;
    let half_a_head = format!("GET / HTTP/1.1\r\nx: {}", "x".repeat(6_000));
    first.0.write_all(half_a_head.as_bytes()).await.unwrap();
    eventually(|| server.connections.inflight_bytes() > 6_000).await;
    let mut second = Client::connect(&server).await;
    second.begin(3_000, 2_999).await;
    assert_eq!(first.answer().await, "");
    second.send(1).await;
    assert!(second.answer().await.starts_with("HTTP/1.1 200"));
    drop((first, second));
    eventually(|| server.connections.len() == 0).await;
    assert_eq!(server.connections.inflight_bytes(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whole_requests_are_answered_in_a_flood_of_bodies_that_never_end() {
    let server = serve_in(Room { connections: 2_000, inflight_bytes: 1 << 18 }).await;
    let mut floods = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let address = server.address;
        floods.spawn(async move {
            for _ in 0..4 {
                let mut clients = Vec::new();
                for _ in 0..50 {
                    let mut client = Client(TcpStream::connect(address).await.unwrap());
                    client.begin(100_000, 1).await;
                    clients.push(client);
                }
                for _ in 0..20 {
                    for client in &mut clients {
                        // Some are shed already.
                        let _ = client.0.write_all(&[b'x'; 2_000]).await;
                    }
                }
            }
        });
    }
    // Whoever sends a whole request at once is answered meanwhile.
    for n in 0..200 {
        let mut client = Client::connect(&server).await;
        let path = tierlift_ingest::PATH;
        let request = format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx");
        client.0.write_all(request.as_bytes()).await.unwrap();
        let answer = client.answer().await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{n}: {answer}");
    }
    while let Some(flood) = floods.join_next().await {
        flood.unwrap();
    }
    eventually(|| server.connections.len() == 0).await;
    assert_eq!(server.connections.inflight_bytes(), 0);
    assert!(!server.connections.is_poisoned(), "nothing panicked");
}
