//! Floods of connections and log lines that nobody reads, against a real program: others are served.

use std::{
    io::Read as _,
    process::Stdio,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tierlift_core::limits::{CONNECTIONS_MAX, LOG_BUFFER_BYTES_MAX};
use tierlift_testkit::{
    child::{Child, announced},
    harness::{client::Client, now},
    webhook,
};
use tokio::{net::TcpStream, time::timeout};

use crate::{
    server::TestServer,
    tierlift::{Home, address},
};

const CONFIG: &str = "[plans]\nprice_pro = \"paid\"\n";
/// Far less than a client's second SYN takes, or the timeout of a silent connection.
const PROMPT: Duration = Duration::from_secs(5);
const END_TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_log_that_nobody_reads_holds_up_nothing() {
    let home = Home::new(CONFIG);
    let mut command = home.command();
    command.env("RUST_LOG", "info").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Child::spawn(&mut command).unwrap();
    let address = announced(child.stdout().unwrap(), address).unwrap();
    // Each event is a line; with a long id these fill the buffer, and the pipe behind it, twice.
    let line_bytes = 450;
    let events = 2 * LOG_BUFFER_BYTES_MAX / line_bytes;
    let clients = 16;
    let sent = join_all((0..clients).map(|client| async move {
        let mut stripe = Client::connect(address).await.unwrap();
        for n in 0..events / clients {
            let id = format!("evt_{client}_{n}_{}", "x".repeat(200));
            let event = webhook::subscription(&id, &format!("user_{client}"), "active", now());
            let event = if n == 0 { event } else { webhook::updated(event, None) };
            let response = stripe.webhook(event.to_string().as_bytes()).await.unwrap();
            assert_eq!(response.status, 200, "{}", response.body);
        }
    }));
    timeout(Duration::from_mins(1), sent).await.expect("the server stands still");
    let mut client = Client::connect(address).await.unwrap();
    loop {
        let metrics = client.get("/metrics", &[]).await.unwrap().body;
        if metrics.contains("tierlift_log_lines_dropped_total") {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(client.get("/healthz", &[]).await.unwrap().status, 200);
    drop(client);
    assert_eq!(child.terminate(END_TIMEOUT).unwrap().code(), Some(0));
    let mut log = String::new();
    child.stderr().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.starts_with('{'), "{log}");
}

#[tokio::test]
async fn full_of_silent_connections_the_server_ends_them_and_answers_stripe() {
    let home = Home::new(CONFIG);
    let server = home.serve();
    let mut stripe = server.client().await;
    let event = |id: &str| webhook::subscription(id, "ada", "active", now()).to_string();
    assert_eq!(stripe.webhook(event("evt_0").as_bytes()).await.unwrap().status, 200);
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS_MAX + 100 {
        silent.push(TcpStream::connect(server.address()).await.unwrap());
    }
    let started = Instant::now();
    let mut newcomer = server.client().await;
    assert_eq!(newcomer.webhook(event("evt_1").as_bytes()).await.unwrap().status, 200);
    // The connection that delivered before was silent for longer than any, and is kept.
    assert_eq!(stripe.webhook(event("evt_2").as_bytes()).await.unwrap().status, 200);
    assert!(started.elapsed() < PROMPT, "{:?}", started.elapsed());
    let metrics = newcomer.get("/metrics", &[]).await.unwrap().body;
    assert!(metrics.contains("tierlift_connections_shed_total{reason=\"full\"}"), "{metrics}");
    let value = metrics.lines().find_map(|line| line.strip_prefix("tierlift_connections "));
    assert!(value.unwrap().parse::<f64>().unwrap() <= f64::from(CONNECTIONS_MAX), "{metrics}");
    drop(silent);
    let log = std::fs::read_to_string(home.log()).unwrap();
    assert!(log.contains("no room for connections"), "{log}");
    drop((stripe, newcomer));
    server.finish().await;
}

#[tokio::test]
async fn a_thousand_connections_at_once_wait_for_no_second_syn() {
    let server = TestServer::start().await;
    server.get("/healthz", "").await.assert(200, "");
    // Nothing is accepted meanwhile: this test does not yield to the server.
    let open: Result<Vec<_>, _> = (0..1_000)
        .map(|_| std::net::TcpStream::connect_timeout(&server.address, Duration::from_millis(500)))
        .collect();
    assert_eq!(open.unwrap().len(), 1_000);
}
