//! What is done to a server in one life, side by side.

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, Instant},
};

use futures_util::{SinkExt as _, StreamExt as _, future::join_all};
use rusqlite::Connection;
use tierlift_testkit::harness::{
    NEVER_STALE,
    client::Client,
    now,
    socket::{Socket, protocols},
    token,
};
use tokio::{
    net::TcpStream,
    time::{interval, sleep, timeout},
};
use tokio_tungstenite::tungstenite::Message;

use super::{
    load::{SILENT_SOCKETS, Window},
    process::{Usage, open_files, set_disk_full},
};
use crate::tierlift::Tierlift;

const SILENT_CONNECTIONS: usize = 2_000;
const FORGERS: usize = 4;
const GREEDY_SOCKETS: usize = 5;
/// How soon a server must have closed what has gone.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);

/// The system's time as the server sees it.
pub(super) struct SystemTime(PathBuf);

impl SystemTime {
    pub(super) fn new(path: PathBuf) -> Self {
        let this = Self(path);
        this.set("+0");
        this
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Moves it, at once: a reader sees the one or the other.
    fn set(&self, offset: &str) {
        let next = self.0.with_extension("next");
        fs::write(&next, offset).unwrap();
        fs::rename(&next, &self.0).unwrap();
    }
}

/// One life of a server.
pub(super) struct Faults<'a> {
    pub(super) server: &'a Tierlift,
    pub(super) clock: &'a SystemTime,
    pub(super) data: PathBuf,
    pub(super) number: u64,
    pub(super) life: Duration,
    pub(super) windows: &'a Mutex<Vec<Window>>,
}

impl Faults<'_> {
    /// Does everything; returns the events of the rows that cannot be read.
    pub(super) async fn run(&self, usage: &mut Usage) -> BTreeSet<String> {
        let pid = self.server.id();
        let files_before = open_files(pid);
        let mut known = *usage;
        let samples = async {
            let mut ticks = interval(Duration::from_millis(100));
            loop {
                ticks.tick().await;
                known.sample(pid);
            }
        };
        let all = async {
            let (injected, ..) = tokio::join!(
                self.unreadable_rows(),
                self.silent_connections(),
                self.forged_webhooks(),
                self.clock_jump(),
                self.full_disk(),
                self.greedy_sockets(),
                self.silent_sockets(),
            );
            injected
        };
        let injected = tokio::select! {
            injected = all => injected,
            () = samples => unreachable!("samples never end"),
        };
        *usage = known;
        // Senders have connected since, with as many connections as they have.
        let is_settled = async {
            while open_files(pid) > files_before + super::FILES_MORE_MAX {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let _ = timeout(SETTLE_TIMEOUT, is_settled).await;
        usage.end_life(files_before, open_files(pid));
        injected
    }

    /// A number of twentieths of the life.
    fn part(&self, parts: u32) -> Duration {
        self.life * parts / 20
    }

    async fn at(&self, parts: u32) {
        sleep(self.part(parts)).await;
    }

    fn address(&self) -> SocketAddr {
        self.server.address()
    }

    async fn silent_connections(&self) {
        self.at(1).await;
        let opened = (0..SILENT_CONNECTIONS).map(|_| TcpStream::connect(self.address()));
        let held: Vec<_> = join_all(opened).await;
        self.at(6).await;
        drop(held);
    }

    async fn forged_webhooks(&self) {
        self.at(2).await;
        let forgers = (0..FORGERS).map(|_| async {
            let signature = format!("t={},v1={}", now().as_secs(), "0".repeat(64));
            let headers = [("stripe-signature", signature.as_str())];
            loop {
                let Ok(mut client) = Client::connect(self.address()).await else { continue };
                let body = vec![b'x'; 64 * 1024];
                while let Ok(answer) = client.ask("POST", "/webhooks/stripe", &headers, &body).await
                {
                    assert!(matches!(answer.status, 400 | 503), "{answer:?}");
                }
            }
        });
        let _: Result<Vec<()>, _> = timeout(self.part(6), join_all(forgers)).await;
    }

    async fn clock_jump(&self) {
        self.at(6).await;
        self.clock.set("+60d");
        self.at(3).await;
        self.clock.set("+0");
    }

    async fn full_disk(&self) {
        self.at(11).await;
        let from = Instant::now();
        set_disk_full(self.server.id(), true);
        self.at(2).await;
        set_disk_full(self.server.id(), false);
        self.windows.lock().unwrap().push(Window::until_ready(from));
    }

    /// Rows that this version cannot read: the account of somebody, and a message that has failed before.
    async fn unreadable_rows(&self) -> BTreeSet<String> {
        self.at(15).await;
        let event = format!("evt_unreadable_{}", self.number);
        let customer = format!("customer:cus_unreadable_{}", self.number);
        let connection = Connection::open(&self.data).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        let message = "INSERT INTO queue (event, kind, message_group, received_at, failure, body)
             VALUES (?1, 'customer.subscription.updated', ?2, ?3, '{\"cause\":\"of.later\"}', x'7B7D')";
        connection.execute(message, (&event, &customer, now().as_micros())).unwrap();
        let account = "INSERT OR IGNORE INTO accounts (user, version, next_expiry_at, state)
             VALUES ('mallory', 1, 1, 'of a later version')";
        connection.execute(account, ()).unwrap();
        BTreeSet::from([event])
    }

    /// Sockets that ask as fast as they can, and come back when they are closed.
    async fn greedy_sockets(&self) {
        let token = token("greedy", NEVER_STALE, now());
        let sockets = (0..GREEDY_SOCKETS).map(|_| async {
            loop {
                let Some(mut socket) = self.socket(&token).await else { continue };
                let sync = Message::text(r#"{"action":"sync","revocationId":0}"#);
                while socket.wire.send(sync.clone()).await.is_ok() {
                    if !matches!(socket.wire.next().await, Some(Ok(_))) {
                        break;
                    }
                }
                sleep(Duration::from_millis(100)).await;
            }
        });
        let _: Result<Vec<()>, _> = timeout(self.part(17), join_all(sockets)).await;
    }

    /// Sockets that never read.
    async fn silent_sockets(&self) {
        let mut held = Vec::new();
        for user in 0..SILENT_SOCKETS {
            let token = token(&format!("user_{user}"), NEVER_STALE, now());
            held.push(self.socket(&token).await);
        }
        self.at(16).await;
    }

    /// A socket, unless the server refuses it.
    async fn socket(&self, token: &str) -> Option<Socket> {
        let stream = TcpStream::connect(self.address()).await.ok()?;
        let url = format!("ws://{}/ws", self.address());
        Socket::handshake(stream, &url, &protocols(token), None).await.ok()
    }
}
