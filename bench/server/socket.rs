//! As much of RFC 6455 as a tab needs: the handshake by hand, and server frames in any pieces.
//!
//! It refuses fragments, masked frames from the server, and a socket that the server closes.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use anyhow::{Context as _, Result, bail, ensure};
use jsonwebtoken::{EncodingKey, Header};

use tierlift_bench::{clock::now_secs, http};

const TOKEN_TTL_SECS: u64 = 3600;
const FRAME_MAX_BYTES: usize = 64 * 1024;

/// A frame from the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// A JSON message.
    Text(&'a [u8]),
    /// To be answered with a pong.
    Ping(&'a [u8]),
    /// An answer to a ping that was never sent: allowed, and means nothing.
    Pong,
}

/// Opens a tab's socket and syncs it, as a client does: when this returns, the server knows it.
pub(crate) fn open(address: SocketAddr, token: &str) -> Result<TcpStream> {
    open_on(http::connect(address)?, token)
}

/// The same on a connection.
pub(crate) fn open_on(mut stream: TcpStream, token: &str) -> Result<TcpStream> {
    stream.write_all(handshake(token).as_bytes())?;
    let mut answer = [0; 1024];
    let mut filled = 0;
    while memchr::memmem::find(answer.get(..filled).unwrap_or_default(), b"\r\n\r\n").is_none() {
        let room = answer.get_mut(filled..).filter(|room| !room.is_empty());
        let n = stream.read(room.context("the handshake's answer has no end")?)?;
        ensure!(n > 0, "the server closed the connection in the handshake");
        filled += n;
    }
    ensure!(answer.starts_with(b"HTTP/1.1 101"), "the handshake was refused");
    stream.write_all(&client_frame(0x1, br#"{"action":"sync","revocationId":0}"#))?;
    await_snapshot(&mut stream)?;
    Ok(stream)
}

fn handshake(token: &str) -> String {
    format!(
        "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: tierlift.v1, bearer.{token}\r\n\r\n"
    )
}

fn await_snapshot(stream: &mut TcpStream) -> Result<()> {
    let mut frames = Frames::default();
    let mut chunk = [0; 1024];
    let mut found = false;
    while !found {
        let n = stream.read(&mut chunk)?;
        ensure!(n > 0, "the server closed the socket before its snapshot");
        frames.push(chunk.get(..n).unwrap_or_default(), |frame| {
            if let Frame::Text(text) = frame {
                found |= memchr::memmem::find(text, b"SNAPSHOT").is_some();
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// A frame as a client sends it: masked, here with zeroes.
pub(crate) fn client_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len().min(125)).unwrap_or(125);
    let mut frame = vec![0x80 | opcode, 0x80 | length, 0, 0, 0, 0];
    frame.extend(payload.iter().take(125));
    frame
}

/// Collects the server's frames from what was read.
#[derive(Default)]
pub(crate) struct Frames {
    rest: Vec<u8>,
}

impl Frames {
    /// Takes what was read, and gives each whole frame to `take`.
    pub(crate) fn push(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(Frame<'_>) -> Result<()>,
    ) -> Result<()> {
        if self.rest.is_empty() {
            let used = take_all(bytes, &mut take)?;
            self.rest.extend_from_slice(bytes.get(used..).unwrap_or_default());
            return Ok(());
        }
        self.rest.extend_from_slice(bytes);
        let used = take_all(&self.rest, &mut take)?;
        self.rest.drain(..used);
        Ok(())
    }
}

fn take_all(bytes: &[u8], take: &mut impl FnMut(Frame<'_>) -> Result<()>) -> Result<usize> {
    let mut used = 0;
    while let Some((frame, n)) = first_frame(bytes.get(used..).unwrap_or_default())? {
        take(frame)?;
        used += n;
    }
    Ok(used)
}

/// The first frame and its length in bytes, once it is whole.
fn first_frame(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    ensure!(second & 0x80 == 0, "a masked frame from the server");
    let (length, head) = match (second & 0x7f, rest) {
        (126, [a, b, ..]) => (usize::from(u16::from_be_bytes([*a, *b])), 4),
        (126, _) => return Ok(None),
        (127, _) => bail!("a frame of more than {FRAME_MAX_BYTES} bytes"),
        (short, _) => (usize::from(short), 2),
    };
    let Some(payload) = bytes.get(head..head + length) else { return Ok(None) };
    let frame = match first {
        0x81 => Frame::Text(payload),
        0x89 => Frame::Ping(payload),
        0x8a => Frame::Pong,
        0x88 => bail!("the server closed the socket: {}", close_reason(payload)),
        other => bail!("a frame that is not expected here: {other:#x}"),
    };
    Ok(Some((frame, head + length)))
}

fn close_reason(payload: &[u8]) -> String {
    match payload {
        [a, b, error @ ..] => {
            format!("{} {}", u16::from_be_bytes([*a, *b]), String::from_utf8_lossy(error))
        }
        _ => "without a code".to_owned(),
    }
}

/// Makes the tokens of tabs.
pub(crate) struct Tokens(EncodingKey);

impl Tokens {
    pub(crate) fn new(secret: &str) -> Self {
        Self(EncodingKey::from_secret(secret.as_bytes()))
    }

    /// A token of another issuer: it says who, and until when.
    pub(crate) fn of(&self, user: &str) -> Result<String> {
        self.with(&serde_json::json!({ "sub": user, "exp": now_secs() + TOKEN_TTL_SECS }))
    }

    /// The same of a user who acts for an organisation.
    pub(crate) fn of_member(&self, user: &str, organisation: &str) -> Result<String> {
        let exp = now_secs() + TOKEN_TTL_SECS;
        self.with(&serde_json::json!({ "sub": user, "org_id": organisation, "exp": exp }))
    }

    fn with(&self, claims: &serde_json::Value) -> Result<String> {
        Ok(jsonwebtoken::encode(&Header::default(), claims, &self.0)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x80 | opcode];
        if let Ok(short @ 0..=125) = u8::try_from(payload.len()) {
            frame.push(short);
        } else {
            frame.push(126);
            frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
        frame.extend_from_slice(payload);
        frame
    }

    #[test]
    fn frames_in_any_two_pieces_are_read_once_each() {
        let long = [b'x'; 300];
        let mut bytes = server_frame(0x1, b"{}");
        bytes.extend(server_frame(0x9, b"p"));
        bytes.extend(server_frame(0x1, &long));
        for cut in 0..=bytes.len() {
            let mut seen = Vec::new();
            let mut frames = Frames::default();
            for part in [&bytes[..cut], &bytes[cut..]] {
                let take = |frame: Frame<'_>| {
                    seen.push(match frame {
                        Frame::Text(text) => text.len(),
                        Frame::Ping(_) => 1_000,
                        Frame::Pong => 2_000,
                    });
                    Ok(())
                };
                frames.push(part, take).unwrap();
            }
            assert_eq!(seen, [2, 1_000, 300], "cut at {cut}");
        }
    }

    #[test]
    fn a_close_is_an_error_that_says_why() {
        let close = server_frame(0x8, b"\x0f\xa9too_slow");
        let error = Frames::default().push(&close, |_| Ok(())).unwrap_err();
        assert_eq!(error.to_string(), "the server closed the socket: 4009 too_slow");
    }

    #[test]
    fn a_client_frame_is_masked() {
        assert_eq!(client_frame(0x1, b"hi"), b"\x81\x82\0\0\0\0hi");
    }
}
