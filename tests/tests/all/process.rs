//! The `tierlift` program as a child process, and a client that keeps its connection.
//!
//! A child is ended by its own id, and never outlives its test.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{self, BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tierlift_core::{id::RevocationId, stripe::signature::sign, time::Timestamp};
use tierlift_embedded::{Db, system_clock};
use tierlift_tests::facts::user_id;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, http::Uri};

use crate::support::{JWT_SECRET, Socket, WEBHOOK_SECRET, secret};

/// How often a condition is looked at before it will not come true any more.
const LOOKS_MAX: usize = 4_000;
/// From one look to the next.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// A revocation id that no account reaches, so that a token with it is never stale.
const NEVER_STALE: RevocationId = RevocationId(1_000_000);

/// What time it is, to the children as well.
pub(crate) fn now() -> Timestamp {
    system_clock().now()
}

/// Looks until the condition holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..LOOKS_MAX {
        if holds().await {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    panic!("waited in vain until {what}");
}

/// A program that says on its first line where it listens.
pub(crate) struct Child {
    child: process::Child,
    pub(crate) address: SocketAddr,
}

impl Child {
    /// Starts it; `address` finds the address in the line.
    pub(crate) fn start(
        mut command: Command,
        log: &Path,
        address: impl FnOnce(&str) -> Option<SocketAddr>,
    ) -> Self {
        let stderr = File::options().create(true).append(true).open(log).unwrap();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(address) = address(&line) else {
            drop(child.kill());
            panic!("it said {line:?} and {}", fs::read_to_string(log).unwrap());
        };
        Self { child, address }
    }

    /// Ends it in the middle of whatever it does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and waits: it must end well.
    fn terminate(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Ended already, or left behind by a failed test.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A folder with a configuration and a data file, for one server after another.
pub(crate) struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    pub(crate) fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("tierlift.toml"), config).unwrap();
        Self { folder }
    }

    /// A running server.
    pub(crate) fn serve(&self) -> Tierlift {
        let test = std::env::current_exe().unwrap();
        let program: PathBuf = test.ancestors().nth(2).unwrap().join("tierlift");
        assert!(program.is_file(), "{} is missing: run `make test`", program.display());
        let mut command = Command::new(program);
        let args = ["serve", "--listen", "127.0.0.1:0", "--config", "tierlift.toml"];
        command.args(args).arg("--data").arg(self.data()).current_dir(self.folder.path());
        command.env_clear().env("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET);
        command.env("TIERLIFT_JWT_SECRET", JWT_SECRET).env("RUST_LOG", "warn");
        let child = Child::start(command, &self.log(), |line| {
            line.split("http://").nth(1)?.split(' ').next()?.parse().ok()
        });
        Tierlift { child }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("tierlift.db")
    }

    /// Where its programs may log to.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// What a server left behind. No server may be running.
    pub(crate) fn db(&self) -> Db {
        Db::open(&self.data(), system_clock()).unwrap()
    }
}

/// A running `tierlift serve`.
pub(crate) struct Tierlift {
    child: Child,
}

impl Tierlift {
    pub(crate) const fn address(&self) -> SocketAddr {
        self.child.address
    }

    pub(crate) fn kill(self) {
        self.child.kill();
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address()).await.unwrap()
    }

    /// Waits until everything that was accepted is applied or parked, and asks it to end.
    pub(crate) async fn finish(self) {
        let mut client = self.client().await;
        until("the queue is empty", async || {
            let health = client.get("/healthz", &[]).await.unwrap().json();
            health["queue"]["queued"] == 0
        })
        .await;
        drop(client);
        tokio::task::spawn_blocking(move || self.child.terminate()).await.unwrap();
    }

    /// What `GET /session` says of a user.
    pub(crate) async fn session(&self, user: &str) -> Value {
        let token = secret().mint(&user_id(user), NEVER_STALE, now());
        let bearer = format!("Bearer {token}");
        let mut client = self.client().await;
        let answer = client.get("/session", &[("authorization", &bearer)]).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// Posts a body, signed now; it must be accepted.
    pub(crate) async fn accepts(&self, body: &Value) {
        let answer = self.client().await.webhook(body.to_string().as_bytes()).await.unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"status":"accepted"}"#));
    }

    /// Opens a user's socket and asks where they are.
    pub(crate) async fn socket(&self, user: &str) -> (Socket, Value) {
        let token = secret().mint(&user_id(user), NEVER_STALE, now());
        let stream = TcpStream::connect(self.address()).await.unwrap();
        let uri: Uri = format!("ws://{}/ws", self.address()).parse().unwrap();
        let request = ClientRequestBuilder::new(uri)
            .with_sub_protocol("tierlift.v1")
            .with_sub_protocol(format!("bearer.{token}"));
        let (wire, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        let mut socket = Socket { wire };
        let snapshot = socket.sync().await;
        (socket, snapshot)
    }

    /// How many webhooks it has processed, by its own count.
    pub(crate) async fn processed(&self) -> u64 {
        let metrics = self.client().await.get("/metrics", &[]).await.unwrap().body;
        let counts = metrics.lines().filter(|line| line.starts_with("tierlift_events_total{"));
        counts.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }
}

/// A connection that is kept from request to request.
pub(crate) struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::new() })
    }

    pub(crate) async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> io::Result<Answer> {
        self.ask("GET", path, headers, b"").await
    }

    /// Posts a body as Stripe would, signed now.
    pub(crate) async fn webhook(&mut self, body: &[u8]) -> io::Result<Answer> {
        let signature = sign(WEBHOOK_SECRET, body, now());
        let headers = [("stripe-signature", &*signature), ("content-type", "application/json")];
        self.ask("POST", "/webhooks/stripe", &headers, body).await
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let length = body.len();
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nhost: tests\r\ncontent-length: {length}\r\n");
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        head.push_str("\r\n");
        self.stream.write_all(&[head.as_bytes(), body].concat()).await?;
        self.answer().await
    }

    async fn answer(&mut self) -> io::Result<Answer> {
        let head_end = loop {
            match self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(at) => break at + 4,
                None => self.read_more().await?,
            }
        };
        let head = String::from_utf8_lossy(&self.read[..head_end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let end = head_end + length.map_or(0, |length| length.parse::<usize>().unwrap());
        while self.read.len() < end {
            self.read_more().await?;
        }
        let body = String::from_utf8(self.read[head_end..end].to_vec()).unwrap();
        self.read.drain(..end);
        Ok(Answer { status: head.split(' ').nth(1).unwrap().parse().unwrap(), body })
    }

    async fn read_more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
