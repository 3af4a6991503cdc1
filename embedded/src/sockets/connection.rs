//! The task of one socket: it writes the outbox and answers the client's frames until either side
//! closes. It does not interpret a frame; the notifier does.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_send_buffer_size};
use tierlift_core::{
    limits::{
        SOCKET_FRAME_BYTES_MAX, SOCKET_READ_BUFFER_BYTES, SOCKET_SYSTEM_BUFFER_BYTES,
        SOCKET_WRITE_BUFFER_BYTES,
    },
    policy::Policy,
    ports::Store,
    shared::Shared,
    time::Clock,
};
use tierlift_notifier::{Close, frames};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message,
        error::ProtocolError,
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};

use super::{
    outbox::{Pending, Work},
    registry::{Socket, SocketGuard},
};

/// What all sockets share.
pub(crate) struct SocketContext<S> {
    /// The source of snapshots.
    pub(crate) store: S,
    /// The roles.
    pub(crate) policy: Shared<Policy>,
    /// The current time.
    pub(crate) clock: Clock,
    /// Time that a closing handshake may take.
    pub(crate) close_timeout: Duration,
}

/// A connection that was upgraded from HTTP.
pub(crate) struct Peer {
    /// The TCP stream.
    pub(crate) stream: TcpStream,
    /// Bytes that were read beyond the upgrade request.
    pub(crate) read: Vec<u8>,
}

type WebSocket = WebSocketStream<TcpStream>;

/// Which side ended a socket.
enum End {
    /// The client closed it or is gone.
    Client,
    /// The server closes it.
    Server(Close),
}

/// Serves one socket to its end.
pub(crate) async fn serve_socket<S: Store>(
    peer: Peer,
    guard: SocketGuard,
    context: Arc<SocketContext<S>>,
) {
    let config = WebSocketConfig::default()
        .read_buffer_size(SOCKET_READ_BUFFER_BYTES)
        .write_buffer_size(SOCKET_WRITE_BUFFER_BYTES)
        .max_message_size(Some(SOCKET_FRAME_BYTES_MAX))
        .max_frame_size(Some(SOCKET_FRAME_BYTES_MAX));
    let Peer { stream, read } = peer;
    bound_system_buffers(&stream);
    let mut web_socket =
        WebSocketStream::from_partially_read(stream, read, Role::Server, Some(config)).await;
    let socket = &*guard.socket;
    let end = run_until_end(&mut web_socket, socket, &context).await;
    let closing = timeout(context.close_timeout, close(&mut web_socket, socket, end));
    // Boxed, so that an open socket does not reserve memory for its closing.
    if Box::pin(closing).await.is_err() {
        tracing::debug!(user = socket.user.as_str(), "socket close timed out");
    }
}

fn bound_system_buffers(stream: &TcpStream) {
    let bytes = SOCKET_SYSTEM_BUFFER_BYTES;
    let bounded = set_socket_send_buffer_size(stream, bytes)
        .and_then(|()| set_socket_recv_buffer_size(stream, bytes));
    if let Err(error) = bounded {
        tracing::debug!(%error, "socket buffers not limited");
    }
}

async fn run_until_end<S: Store>(
    web_socket: &mut WebSocket,
    socket: &Socket,
    context: &SocketContext<S>,
) -> End {
    loop {
        let step = tokio::select! {
            biased;
            work = socket.outbox.work() => match work {
                // A frame may have waited for longer than the token is valid.
                Work::Send(_) if socket.token.valid_until <= context.clock.now() => {
                    Err(End::Server(Close::TokenExpired))
                }
                Work::Send(pending) => push(web_socket, socket, context, pending).await,
                Work::End(close) => Err(End::Server(close)),
            },
            frame = web_socket.next() => {
                if !socket.take_frame() {
                    return End::Server(Close::TooManyFrames);
                }
                handle_frame(web_socket, socket, context, frame).await
            }
        };
        if let Err(end) = step {
            return end;
        }
    }
}

/// Writes what waited. Notices about several accounts are made now.
async fn push<S: Store>(
    web_socket: &mut WebSocket,
    socket: &Socket,
    context: &SocketContext<S>,
    pending: VecDeque<Pending>,
) -> Result<(), End> {
    let mut ready = VecDeque::with_capacity(pending.len());
    for frame in pending {
        ready.push_back(match frame {
            Pending::Frame(frame) => frame,
            Pending::Change(change) => {
                let SocketContext { store, policy, clock, .. } = context;
                let (policy, now) = (policy.current(), clock.now());
                // Boxed, like every step that reads the store: an idle socket reserves no memory for it.
                let notice = frames::notice(store, &policy, socket.sender(), &change, now);
                Message::text(Box::pin(notice).await.map_err(End::Server)?)
            }
        });
    }
    send(web_socket, socket, ready).await
}

/// Writes frames with as few system calls as possible. It waits for a client that does not read only
/// until the outbox ends the socket.
async fn send(
    web_socket: &mut WebSocket,
    socket: &Socket,
    frames: VecDeque<Message>,
) -> Result<(), End> {
    let written = async {
        for frame in frames {
            web_socket.feed(frame).await?;
        }
        web_socket.flush().await
    };
    tokio::select! {
        biased;
        written = written => written.map_err(|_| End::Client),
        close = socket.outbox.ended() => Err(End::Server(close)),
    }
}

/// Answers a frame of the client, or ends the socket for it.
async fn handle_frame<S: Store>(
    web_socket: &mut WebSocket,
    socket: &Socket,
    context: &SocketContext<S>,
    frame: Option<tungstenite::Result<Message>>,
) -> Result<(), End> {
    let text = match frame {
        Some(Ok(Message::Text(text))) => text,
        // The WebSocket library answers pings; a pong needs no response.
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => return Ok(()),
        Some(Ok(Message::Binary(_))) => return Err(End::Server(Close::FrameInvalid)),
        Some(Err(tungstenite::Error::Capacity(_))) => {
            return Err(End::Server(Close::FrameTooLarge));
        }
        // The client is gone without a closing handshake: a closed lid, a lost network.
        Some(Err(tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => {
            return Err(End::Client);
        }
        Some(Err(tungstenite::Error::Utf8(_) | tungstenite::Error::Protocol(_))) => {
            return Err(End::Server(Close::Protocol));
        }
        Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(End::Client),
    };
    let SocketContext { store, policy, clock, .. } = context;
    let frame = frames::parse(&text).map_err(End::Server)?;
    let policy = policy.current();
    let reply = frames::reply(store, &policy, socket.sender(), frame, clock.now());
    let reply = Box::pin(reply).await.map_err(End::Server)?;
    send(web_socket, socket, [Message::text(&*reply)].into()).await
}

/// Sends the close frame and ends the server's side. A client that did not close first is waited for: what it
/// still sends must be read, or the system would discard the close frame.
async fn close(web_socket: &mut WebSocket, socket: &Socket, end: End) {
    let reason = match end {
        End::Client => {
            socket.outbox.end(Close::GoingAway);
            // The WebSocket library has the answer to the client's close frame ready, if there was one.
            let _ = web_socket.flush().await;
            let _ = web_socket.get_mut().shutdown().await;
            "peer"
        }
        End::Server(close) => {
            socket.outbox.end(close);
            let (code, reason) = (close.code().into(), close.reason().into());
            let _ = web_socket.send(Message::Close(Some(CloseFrame { code, reason }))).await;
            let stream = web_socket.get_mut();
            let _ = stream.shutdown().await;
            let mut rest = [0; 512];
            while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
            close.reason()
        }
    };
    metrics::counter!("tierlift_sockets_closed_total", "reason" => reason).increment(1);
}
