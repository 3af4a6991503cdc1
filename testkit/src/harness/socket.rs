//! A browser's end of a WebSocket.

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, ClientRequestBuilder, Message, protocol::CloseFrame},
};

/// How long a test waits for a frame that should come at once.
const FRAME_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a test waits for a server to close: it may be after pings that nobody answers.
const CLOSE_TIMEOUT: Duration = Duration::from_mins(2);

/// An open socket.
#[derive(Debug)]
pub struct Socket {
    /// The stream of frames.
    pub wire: WebSocketStream<TcpStream>,
}

impl Socket {
    /// Opens a server's socket with this token.
    pub async fn open(address: SocketAddr, token: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        Self::open_on(stream, token).await
    }

    /// Opens a socket with this token on a connection.
    pub async fn open_on(stream: TcpStream, token: &str) -> Self {
        let url = format!("ws://{}/ws", stream.peer_addr().unwrap());
        Self::handshake(stream, &url, &protocols(token), None).await.unwrap()
    }

    /// Asks for a socket with these subprotocols, from a page of that origin.
    pub async fn handshake(
        stream: TcpStream,
        url: &str,
        protocols: &[String],
        origin: Option<&str>,
    ) -> Result<Self, tungstenite::Error> {
        let mut request = ClientRequestBuilder::new(url.parse().unwrap());
        for protocol in protocols {
            request = request.with_sub_protocol(protocol);
        }
        if let Some(origin) = origin {
            request = request.with_header("origin", origin);
        }
        let (wire, response) = tokio_tungstenite::client_async(request, stream).await?;
        assert_eq!(response.headers()["sec-websocket-protocol"], "tierlift.v1");
        Ok(Self { wire })
    }

    /// Sends a text frame.
    pub async fn say(&mut self, text: &str) {
        self.wire.send(Message::text(text)).await.unwrap();
    }

    /// The next text frame.
    pub async fn hear(&mut self) -> Value {
        loop {
            let frame = timeout(FRAME_TIMEOUT, self.wire.next()).await.expect("no frame in time");
            match frame.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other @ (Message::Binary(_) | Message::Close(_) | Message::Frame(_)) => {
                    panic!("{other:?}")
                }
            }
        }
    }

    /// The next frame that is not about the subscription alone.
    pub async fn hear_of_role(&mut self) -> Value {
        loop {
            let frame = self.hear().await;
            if frame["type"] != "SUBSCRIPTION_CHANGED" {
                return frame;
            }
        }
    }

    /// Asks for the user's state.
    pub async fn sync(&mut self) -> Value {
        self.say(r#"{"action":"sync","revocationId":0}"#).await;
        self.hear().await
    }

    /// Asks for the user's state, and waits for that revocation id, in the answer or in a notice.
    pub async fn reach(&mut self, revocation_id: u64) -> Value {
        let mut frame = self.sync().await;
        while frame["revocationId"] != revocation_id {
            frame = self.hear().await;
        }
        frame
    }

    /// How the server closes this socket, whatever it sends before.
    pub async fn closed(&mut self) -> Option<CloseFrame> {
        loop {
            match timeout(CLOSE_TIMEOUT, self.wire.next()).await.expect("not closed in time") {
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

/// The subprotocols that a client with this token offers.
#[must_use]
pub fn protocols(token: &str) -> [String; 2] {
    ["tierlift.v1".to_owned(), format!("bearer.{token}")]
}
