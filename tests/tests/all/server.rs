//! A real server on a file and a port of its own, with a clock that moves only when told.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
};

use futures_util::future::join_all;
use tierlift_core::{
    stripe::signature::{Secrets, sign},
    time::{Clock, Timestamp},
    token::{ServiceTokens, TokenKeys},
};
use tierlift_embedded::{Db, RunError, Server, Settings, Timeouts};
use tierlift_testkit::{
    clock::ManualClock,
    facts::policy,
    harness::{
        self, ORIGIN, WEBHOOK_SECRET,
        client::{Request, Response},
        socket::Socket,
        token_secret,
    },
    webhook,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

/// The time at which every test begins.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_795_000_000);

/// A running server.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) db: Db,
    clock: ManualClock,
    _folder: tempfile::TempDir,
    events: AtomicU64,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<Result<(), RunError>>,
}

/// The settings of a server, before a test changes them.
pub(crate) fn settings(folder: &tempfile::TempDir, clock: Clock) -> Settings {
    Settings {
        data: folder.path().join("tierlift.db"),
        accept_data_loss: false,
        policy: policy().into(),
        connected_accounts: Vec::new().into(),
        secrets: Secrets::parse(WEBHOOK_SECRET).unwrap(),
        keys: TokenKeys::new(Some(token_secret())),
        jwks_url: None,
        service_tokens: ServiceTokens::default(),
        authorize_cookie: None,
        stale_ok_seconds: 0,
        allowed_origins: vec![ORIGIN.to_owned()],
        clock,
        timeouts: Timeouts::default(),
    }
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}, |server| server).await
    }

    /// A server with other settings and routes of its own.
    pub(crate) async fn start_with(
        change: impl FnOnce(&mut Settings),
        extend: impl FnOnce(Server) -> Server,
    ) -> Self {
        Self::open(ManualClock::new(START), |settings, _| change(settings), extend).await
    }

    /// A server with other settings, on a machine with this clock.
    pub(crate) async fn start_on(
        clock: ManualClock,
        change: impl FnOnce(&mut Settings, &ManualClock),
    ) -> Self {
        Self::open(clock, change, |server| server).await
    }

    /// A server with other settings and routes, on a machine with this clock.
    pub(crate) async fn open(
        clock: ManualClock,
        change: impl FnOnce(&mut Settings, &ManualClock),
        extend: impl FnOnce(Server) -> Server,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(&folder, clock.clock());
        change(&mut settings, &clock);
        let server = extend(Server::open(settings).await.unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, db) = (listener.local_addr().unwrap(), server.db().clone());
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(server.run(listener, async { stopped.await.unwrap_or(()) }));
        let (events, stop) = (AtomicU64::default(), Some(stop));
        Self { address, db, clock, _folder: folder, events, stop, running }
    }

    /// Tells the server to stop.
    pub(crate) fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    /// How the server ended.
    pub(crate) async fn ended(self) -> Result<(), RunError> {
        self.running.await.unwrap()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Moves its clock.
    pub(crate) fn pass_secs(&self, secs: i64) {
        self.clock.advance_secs(secs);
    }

    /// A token for a user at that revocation id.
    pub(crate) fn token(&self, user: &str, rev: u64) -> String {
        harness::token(user, rev, self.now())
    }

    /// Sends a request as it stands and reads the response.
    pub(crate) async fn send(&self, request: Request<'_>) -> Response {
        request.send(self.address).await
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Response {
        self.send(Request::new("GET", path).bearer(token)).await
    }

    /// Posts a body as Stripe would.
    pub(crate) async fn webhook(&self, body: &str) -> Response {
        let signature = sign(WEBHOOK_SECRET, body.as_bytes(), self.now());
        let request = Request::new("POST", "/webhooks/stripe")
            .header("content-type", "application/json; charset=utf-8")
            .header("stripe-signature", &signature);
        self.send(request.body(body.as_bytes())).await
    }

    /// The body of the next event of a user's one subscription.
    pub(crate) fn event(&self, user: &str, status: &str) -> String {
        let number = self.events.fetch_add(1, Ordering::SeqCst);
        let event = webhook::subscription(&format!("evt_{number}"), user, status, self.now());
        let event = if number == 0 { event } else { webhook::updated(event, None) };
        event.to_string()
    }

    /// Counts on from there: the store knows the events before.
    pub(crate) fn skip_events(&self, number: u64) {
        self.events.fetch_add(number, Ordering::SeqCst);
    }

    /// Gives the user's subscription this status, a second later, by an accepted webhook.
    pub(crate) async fn subscription(&self, user: &str, status: &str) {
        self.pass_secs(1);
        let response = self.webhook(&self.event(user, status)).await;
        assert_eq!(response.status, 200, "{}", response.body);
    }

    /// Opens a socket of each user, who are all new.
    pub(crate) async fn sockets<const N: usize>(&self, users: [&str; N]) -> [Socket; N] {
        let tokens = users.map(|user| self.token(user, 0));
        let sockets = join_all(tokens.iter().map(|token| self.socket(token))).await;
        sockets.try_into().unwrap()
    }

    /// Opens a socket with this token.
    pub(crate) async fn socket(&self, token: &str) -> Socket {
        Socket::open(self.address, token).await
    }
}
