//! The task of one socket: it writes what waits and answers what is said, until either side ends.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_send_buffer_size};
use tierlift_core::{
    limits::{SOCKET_FRAME_MAX_BYTES, SOCKET_SYSTEM_BUFFER_BYTES},
    policy::Policy,
    ports::Store,
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
    outbox::Work,
    registry::{Seat, Socket},
};

/// Bytes that are read at a time: a client's frames are short, and there may be 10,000 clients.
const READ_BUFFER_BYTES: usize = 256;
/// Bytes that are gathered before they are written without being told to.
const WRITE_BUFFER_BYTES: usize = 4 * 1024;

/// What all sockets share.
pub(crate) struct Talk<S> {
    /// Where snapshots come from.
    pub(crate) store: S,
    /// What roles there are.
    pub(crate) policy: Arc<Policy>,
    /// What time it is.
    pub(crate) clock: Clock,
    /// How long a closing may take.
    pub(crate) close_timeout: Duration,
}

/// The client's end of a socket, as it came out of the upgrade.
pub(crate) struct Peer {
    /// Its stream.
    pub(crate) stream: TcpStream,
    /// What was read beyond the upgrade already.
    pub(crate) read: Vec<u8>,
}

type Wire = WebSocketStream<TcpStream>;

/// How a conversation ended.
enum End {
    /// The client closed, or is gone.
    Peer,
    /// We close.
    Us(Close),
}

/// Serves one socket to its end.
pub(crate) async fn converse<S: Store>(peer: Peer, seat: Seat, talk: Arc<Talk<S>>) {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_message_size(Some(SOCKET_FRAME_MAX_BYTES))
        .max_frame_size(Some(SOCKET_FRAME_MAX_BYTES));
    let Peer { stream, read } = peer;
    bound_system_buffers(&stream);
    let mut wire =
        WebSocketStream::from_partially_read(stream, read, Role::Server, Some(config)).await;
    let end = until_end(&mut wire, &seat.socket, &talk).await;
    let closing = timeout(talk.close_timeout, close(&mut wire, &seat.socket, end));
    // In a box, so that every open socket need not hold room for its closing.
    if Box::pin(closing).await.is_err() {
        tracing::debug!(user = seat.socket.user.as_str(), "a socket would not close");
    }
}

fn bound_system_buffers(stream: &TcpStream) {
    let bytes = SOCKET_SYSTEM_BUFFER_BYTES;
    let bounded = set_socket_send_buffer_size(stream, bytes)
        .and_then(|()| set_socket_recv_buffer_size(stream, bytes));
    if let Err(error) = bounded {
        tracing::debug!(%error, "the system's buffers stay as they are");
    }
}

async fn until_end<S: Store>(wire: &mut Wire, socket: &Socket, talk: &Talk<S>) -> End {
    loop {
        let step = tokio::select! {
            biased;
            work = socket.outbox.work() => match work {
                Work::Send(frames) => send(wire, socket, frames).await,
                Work::End(error) => Err(End::Us(error)),
            },
            frame = wire.next() => {
                socket.heard();
                hear(wire, socket, talk, frame).await
            }
        };
        if let Err(end) = step {
            return end;
        }
    }
}

/// Writes frames with as few system calls as they fit in. A client that does not read is waited
/// for only until it is cut.
async fn send(wire: &mut Wire, socket: &Socket, frames: VecDeque<Message>) -> Result<(), End> {
    let written = async {
        for frame in frames {
            wire.feed(frame).await?;
        }
        wire.flush().await
    };
    tokio::select! {
        biased;
        written = written => written.map_err(|_| End::Peer),
        error = socket.outbox.ended() => Err(End::Us(error)),
    }
}

/// What the client said, or that it says nothing more.
async fn hear<S: Store>(
    wire: &mut Wire,
    socket: &Socket,
    talk: &Talk<S>,
    frame: Option<tungstenite::Result<Message>>,
) -> Result<(), End> {
    let text = match frame {
        Some(Ok(Message::Text(text))) => text,
        // Pings are answered below us, and to hear a pong is all there is to it.
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => return Ok(()),
        Some(Ok(Message::Binary(_))) => return Err(End::Us(Close::FrameInvalid)),
        Some(Err(tungstenite::Error::Capacity(_))) => return Err(End::Us(Close::FrameTooLarge)),
        // Gone without a word: a closed lid, a lost network.
        Some(Err(tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => {
            return Err(End::Peer);
        }
        Some(Err(tungstenite::Error::Utf8(_) | tungstenite::Error::Protocol(_))) => {
            return Err(End::Us(Close::Protocol));
        }
        Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(End::Peer),
    };
    let frame = frames::parse(&text).map_err(End::Us)?;
    let reply = frames::reply(&talk.store, &talk.policy, &socket.user, frame, talk.clock.now());
    let reply = reply.await.map_err(End::Us)?;
    send(wire, socket, [Message::text(&*reply)].into()).await
}

/// Says why, ends our side, and waits for the client to end its own: what it still sends must be
/// read, or the system would throw our last words away.
async fn close(wire: &mut Wire, socket: &Socket, end: End) {
    let reason = match end {
        End::Peer => {
            socket.outbox.end(Close::GoingAway);
            // Where the client said goodbye, this answers it.
            let _ = wire.close(None).await;
            "peer"
        }
        End::Us(error) => {
            socket.outbox.end(error);
            let (code, reason) = (error.code().into(), error.reason().into());
            let _ = wire.send(Message::Close(Some(CloseFrame { code, reason }))).await;
            let stream = wire.get_mut();
            let _ = stream.shutdown().await;
            let mut rest = [0; 512];
            while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
            error.reason()
        }
    };
    metrics::counter!("tierlift_sockets_closed_total", "reason" => reason).increment(1);
}
