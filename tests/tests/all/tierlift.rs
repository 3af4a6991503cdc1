//! The `tierlift` program as a child process.

use std::{fs, net::SocketAddr, path::PathBuf, process::Command};

use serde_json::Value;
use tierlift_embedded::{Db, system_clock};
use tierlift_testkit::harness::{
    JWT_SECRET, NEVER_STALE, WEBHOOK_SECRET, client::Client, eventually, now, program::Program,
    socket::Socket, token, tools,
};

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
        self.serve_with(|_| {})
    }

    /// A running server, started by a changed command.
    pub(crate) fn serve_with(&self, change: impl FnOnce(&mut Command)) -> Tierlift {
        let mut command = self.command();
        command.env("RUST_LOG", "warn");
        change(&mut command);
        let program = Program::start(command, &self.log(), address);
        Tierlift { program }
    }

    /// The command that starts a server.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(tools::program("tierlift"));
        let args = ["serve", "--listen", "127.0.0.1:0", "--config", "tierlift.toml"];
        command.args(args).arg("--data").arg(self.data()).current_dir(self.folder.path());
        command.env_clear().env("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET);
        command.env("TIERLIFT_JWT_SECRET", JWT_SECRET);
        command
    }

    /// Replaces the configuration.
    pub(crate) fn configure(&self, config: &str) {
        fs::write(self.folder.path().join("tierlift.toml"), config).unwrap();
    }

    /// What `serve --dry-run` prints.
    pub(crate) fn dry_run(&self) -> String {
        self.run(&["serve", "--dry-run", "--config", "tierlift.toml"])
    }

    /// What a command about its data prints; it must succeed.
    pub(crate) fn run(&self, args: &[&str]) -> String {
        let mut command = Command::new(tools::program("tierlift"));
        command.args(args).arg("--data").arg(self.data()).current_dir(self.folder.path());
        let output = command.env_clear().output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("tierlift.db")
    }

    /// Where its programs log to.
    pub(crate) fn log(&self) -> PathBuf {
        self.file("log")
    }

    /// A file in its folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The data that a server left behind. No server may be running.
    pub(crate) fn db(&self) -> Db {
        Db::open(&self.data(), system_clock()).unwrap()
    }
}

/// The address in the line that a server announces itself with.
pub(crate) fn address(line: &str) -> Option<SocketAddr> {
    line.split("http://").nth(1)?.split(' ').next()?.parse().ok()
}

/// A running `tierlift serve`.
pub(crate) struct Tierlift {
    program: Program,
}

impl Tierlift {
    pub(crate) const fn address(&self) -> SocketAddr {
        self.program.address
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.program.id()
    }

    /// Asks it to end, and waits: it must end well.
    pub(crate) fn terminate(self) {
        self.program.terminate();
    }

    pub(crate) fn kill(self) {
        self.program.kill();
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address()).await.unwrap()
    }

    /// Waits until everything that was accepted is applied or parked, and asks it to end.
    pub(crate) async fn finish(self) {
        let mut client = self.client().await;
        eventually("the queue is empty", async || {
            let health = client.get("/healthz", &[]).await.unwrap().json();
            health["queue"]["queued"] == 0
        })
        .await;
        drop(client);
        tokio::task::spawn_blocking(move || self.program.terminate()).await.unwrap();
    }

    /// The response of `GET /session` for a user.
    pub(crate) async fn session(&self, user: &str) -> Value {
        let bearer = format!("Bearer {}", token(user, NEVER_STALE, now()));
        let mut client = self.client().await;
        let response = client.get("/session", &[("authorization", &bearer)]).await.unwrap();
        assert_eq!(response.status, 200, "{}", response.body);
        response.json()
    }

    /// Posts a body, signed now; it must be accepted.
    pub(crate) async fn accepts(&self, body: &Value) {
        let response = self.client().await.webhook(body.to_string().as_bytes()).await.unwrap();
        assert_eq!((response.status, response.body.as_str()), (200, r#"{"status":"accepted"}"#));
    }

    /// Opens a user's socket and syncs it.
    pub(crate) async fn socket(&self, user: &str) -> (Socket, Value) {
        let token = token(user, NEVER_STALE, now());
        let mut socket = Socket::open(self.address(), &token).await;
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
