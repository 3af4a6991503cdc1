//! A real server on a file and a port of its own, with a clock that moves only when told, and
//! clients that speak to it over TCP.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tierlift_core::{
    stripe::signature::{Secrets, sign},
    time::{Clock, Timestamp},
    token::{Secret, TokenKeys},
};
use tierlift_embedded::{Db, RunError, Server, Settings, Timeouts};
use tierlift_tests::facts::{policy, user_id};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, ClientRequestBuilder, Message,
        http::{HeaderMap, Uri},
        protocol::CloseFrame,
    },
};

/// With which the tests sign webhooks.
pub(crate) const WEBHOOK_SECRET: &str = "whsec_test";
/// With which the tests sign tokens.
pub(crate) const JWT_SECRET: &str = "a secret of at least thirty-two bytes";
/// A page that may call.
pub(crate) const ORIGIN: &str = "https://app.example.com";
/// How long a test waits for a frame that should come at once.
const PATIENCE: Duration = Duration::from_secs(30);
/// When every test begins.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_795_000_000);

/// A running server.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) db: Db,
    _folder: tempfile::TempDir,
    micros: Arc<AtomicI64>,
    events: AtomicU64,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<Result<(), RunError>>,
}

/// What the server is opened from, before a test bends it.
pub(crate) fn settings(folder: &tempfile::TempDir, clock: Clock) -> Settings {
    Settings {
        data: folder.path().join("tierlift.db"),
        policy: Arc::new(policy()),
        secrets: Secrets::parse(WEBHOOK_SECRET).unwrap(),
        keys: TokenKeys::new(Some(secret())),
        jwks_url: None,
        allowed_origins: vec![ORIGIN.to_owned()],
        clock,
        timeouts: Timeouts::default(),
    }
}

pub(crate) fn secret() -> Secret {
    Secret::new(JWT_SECRET).unwrap()
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}, |server| server).await
    }

    /// A server with other settings and routes of its own.
    pub(crate) async fn start_with(
        bend: impl FnOnce(&mut Settings),
        extend: impl FnOnce(Server) -> Server,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let micros = Arc::new(AtomicI64::new(START.as_micros()));
        let shared = micros.clone();
        let clock = Clock::new(move || Timestamp::from_micros(shared.load(Ordering::SeqCst)));
        let mut settings = settings(&folder, clock);
        bend(&mut settings);
        let server = extend(Server::open(settings).await.unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, db) = (listener.local_addr().unwrap(), server.db().clone());
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(server.run(listener, async { stopped.await.unwrap_or(()) }));
        let (events, stop) = (AtomicU64::default(), Some(stop));
        Self { address, db, _folder: folder, micros, events, stop, running }
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
        Timestamp::from_micros(self.micros.load(Ordering::SeqCst))
    }

    /// Lets so many seconds pass.
    pub(crate) fn pass_secs(&self, secs: i64) {
        self.micros.fetch_add(secs * 1_000_000, Ordering::SeqCst);
    }

    /// A token for a user who is at that revocation id.
    pub(crate) fn token(&self, user: &str, rev: u64) -> String {
        secret().mint(&user_id(user), tierlift_core::id::RevocationId(rev), self.now())
    }

    /// Sends a request as it stands and reads the answer to its end.
    pub(crate) async fn send(&self, request: Request<'_>) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(&request.bytes()).await.unwrap();
        Answer::read(&mut stream).await
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(Request::new("GET", path).bearer(token)).await
    }

    /// Posts a body as Stripe would.
    pub(crate) async fn webhook(&self, body: &str) -> Answer {
        let signature = sign(WEBHOOK_SECRET, body.as_bytes(), self.now());
        let request = Request::new("POST", "/webhooks/stripe")
            .header("content-type", "application/json; charset=utf-8")
            .header("stripe-signature", &signature);
        self.send(request.body(body.as_bytes())).await
    }

    /// The body of the next event of a user's one subscription.
    pub(crate) fn event(&self, user: &str, status: &str) -> String {
        let number = self.events.fetch_add(1, Ordering::SeqCst);
        let kind = if number == 0 { "created" } else { "updated" };
        json!({
            "id": format!("evt_{number}"),
            "object": "event",
            "type": format!("customer.subscription.{kind}"),
            "created": self.now().as_secs(),
            "livemode": false,
            "data": { "object": {
                "id": format!("sub_{user}"),
                "customer": format!("cus_{user}"),
                "status": status,
                "metadata": { "user_id": user },
                "items": { "data": [{
                    "id": "si_1",
                    "price": { "id": "price_pro" },
                    "current_period_end": START.plus_days(30).as_secs(),
                }] },
            } },
        })
        .to_string()
    }

    /// A second later the user's subscription has this status, and the webhook was accepted.
    pub(crate) async fn subscription(&self, user: &str, status: &str) {
        self.pass_secs(1);
        let answer = self.webhook(&self.event(user, status)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Opens a socket with this token.
    pub(crate) async fn socket(&self, token: &str) -> Socket {
        let stream = self.connect().await;
        self.socket_on(stream, token).await
    }

    pub(crate) async fn socket_on(&self, stream: TcpStream, token: &str) -> Socket {
        let uri: Uri = format!("ws://{}/ws", self.address).parse().unwrap();
        let request = ClientRequestBuilder::new(uri)
            .with_sub_protocol("tierlift.v1")
            .with_sub_protocol(format!("bearer.{token}"));
        let (wire, answer) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        assert_eq!(answer.headers()["sec-websocket-protocol"], "tierlift.v1");
        Socket { wire }
    }
}

/// A client's end of a socket.
pub(crate) struct Socket {
    pub(crate) wire: WebSocketStream<TcpStream>,
}

impl Socket {
    pub(crate) async fn say(&mut self, text: &str) {
        self.wire.send(Message::text(text)).await.unwrap();
    }

    /// The next text frame.
    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            let frame = timeout(PATIENCE, self.wire.next()).await.expect("no frame in time");
            match frame.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other @ (Message::Binary(_) | Message::Close(_) | Message::Frame(_)) => {
                    panic!("{other:?}")
                }
            }
        }
    }

    /// Asks where the user is.
    pub(crate) async fn sync(&mut self) -> Value {
        self.say(r#"{"action":"sync","revocationId":0}"#).await;
        self.hear().await
    }

    /// How the server closes this socket, whatever it says before.
    pub(crate) async fn closed(&mut self) -> Option<CloseFrame> {
        loop {
            match self.wire.next().await {
                Some(Ok(Message::Close(frame))) => return frame,
                Some(Ok(_)) => {}
                None | Some(Err(tungstenite::Error::Io(_) | tungstenite::Error::Protocol(_))) => {
                    return None;
                }
                Some(Err(other)) => panic!("{other}"),
            }
        }
    }
}

/// A request that closes its connection.
pub(crate) struct Request<'a> {
    head: String,
    body: &'a [u8],
}

impl<'a> Request<'a> {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: tierlift\r\n");
        Self { head, body: b"" }.header("connection", "close")
    }

    /// One that asks to switch to frames.
    pub(crate) fn upgrade(path: &str) -> Self {
        let head = format!("GET {path} HTTP/1.1\r\nhost: tierlift\r\n");
        Self { head, body: b"" }
            .header("connection", "close, upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        write!(self.head, "{name}: {value}\r\n").unwrap();
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        match token {
            "" => self,
            token => self.header("authorization", &format!("Bearer {token}")),
        }
    }

    pub(crate) fn body(self, body: &'a [u8]) -> Self {
        Self { body, ..self.header("content-length", &body.len().to_string()) }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), b"\r\n", self.body].concat()
    }
}

/// What the server answered before it closed the connection.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// Reads to the end of the stream.
    pub(crate) async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| {
                (name.parse::<tungstenite::http::HeaderName>().unwrap(), value.parse().unwrap())
            })
            .collect();
        Self { status, headers, body: body.to_owned() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The status, and the code of a refusal.
    #[track_caller]
    pub(crate) fn assert(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        if code.is_empty() {
            return;
        }
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["code"], code);
        assert_eq!(problem["status"], status);
    }
}
