//! An HTTP client: requests written as they stand, and a connection that is kept between them.

use std::{fmt::Write as _, io, net::SocketAddr};

use http::HeaderMap;
use serde_json::Value;
use tierlift_core::stripe::signature::sign;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{WEBHOOK_SECRET, now};
use crate::http::Message;

/// A request that closes its connection.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    head: String,
    body: &'a [u8],
}

impl<'a> Request<'a> {
    /// A request without a body.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        Self::keeping(method, path).header("connection", "close")
    }

    /// A request that leaves its connection open.
    fn keeping(method: &str, path: &str) -> Self {
        Self { head: format!("{method} {path} HTTP/1.1\r\nhost: tierlift\r\n"), body: b"" }
    }

    /// A WebSocket handshake.
    #[must_use]
    pub fn upgrade(path: &str) -> Self {
        Self::keeping("GET", path)
            .header("connection", "close, upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        write!(self.head, "{name}: {value}\r\n").unwrap();
        self
    }

    /// Asks for another host.
    #[must_use]
    pub fn with_host(mut self, host: &str) -> Self {
        self.head = self.head.replacen("host: tierlift", &format!("host: {host}"), 1);
        self
    }

    /// Adds a token, unless it is empty.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        match token {
            "" => self,
            token => self.header("authorization", &format!("Bearer {token}")),
        }
    }

    /// Adds a body and its length.
    #[must_use]
    pub fn body(self, body: &'a [u8]) -> Self {
        Self { body, ..self.header("content-length", &body.len().to_string()) }
    }

    /// The request as it is sent.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), b"\r\n", self.body].concat()
    }

    /// Sends it over a connection of its own.
    pub async fn send(&self, address: SocketAddr) -> Response {
        self.try_send(address).await.unwrap()
    }

    /// The same to a server that may end the connection without a response.
    pub async fn try_send(&self, address: SocketAddr) -> io::Result<Response> {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(&self.bytes()).await?;
        read(&mut stream, &mut Vec::new()).await
    }
}

/// What a server responded.
#[derive(Debug)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: String,
}

impl Response {
    /// Reads the response at the start of a stream.
    pub async fn read(stream: &mut TcpStream) -> Self {
        read(stream, &mut Vec::new()).await.unwrap()
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks the status, and the code of a refusal.
    #[track_caller]
    pub fn assert(&self, status: u16, code: &str) {
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

/// A connection that is kept from request to request.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, unread: Vec::new() })
    }

    /// Gets a path.
    pub async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> io::Result<Response> {
        self.ask("GET", path, headers, b"").await
    }

    /// Posts a body as Stripe would, signed now.
    pub async fn webhook(&mut self, body: &[u8]) -> io::Result<Response> {
        let signature = sign(WEBHOOK_SECRET, body, now());
        let headers = [("stripe-signature", &*signature), ("content-type", "application/json")];
        self.ask("POST", "/webhooks/stripe", &headers, body).await
    }

    /// Sends a request and reads its response.
    pub async fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Response> {
        let request = headers.iter().fold(Request::keeping(method, path), |request, header| {
            request.header(header.0, header.1)
        });
        self.stream.write_all(&request.body(body).bytes()).await?;
        read(&mut self.stream, &mut self.unread).await
    }
}

async fn read(stream: &mut TcpStream, unread: &mut Vec<u8>) -> io::Result<Response> {
    let message = read_message(stream, unread).await?;
    let status = message.start_line.split(' ').nth(1).unwrap().parse().unwrap();
    let headers = message
        .headers
        .iter()
        .map(|(name, value)| (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap()));
    let headers = headers.collect();
    Ok(Response { status, headers, body: String::from_utf8(message.body).unwrap() })
}

/// Reads the next message; what comes after it stays in `unread`.
pub async fn read_message(stream: &mut TcpStream, unread: &mut Vec<u8>) -> io::Result<Message> {
    loop {
        let taken = Message::take(unread);
        if let Some(message) = taken.map_err(|error| io::Error::other(error.to_string()))? {
            return Ok(message);
        }
        if stream.read_buf(unread).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
