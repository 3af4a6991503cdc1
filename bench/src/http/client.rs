//! The client's side: the status and the end of a response.
//!
//! Responses that have a body must have a `Content-Length`. One request waits on a connection at a time, so a response
//! ends where the bytes end.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream},
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType};
use tierlift_testkit::http::Head;

const RESPONSE_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Collects the bytes of one response after another.
#[derive(Debug, Default)]
pub struct Responses {
    rest: Vec<u8>,
}

impl Responses {
    /// Takes what was read; returns the status once the response is complete.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<u16>> {
        if self.rest.is_empty()
            && let Some((status, head)) = head(bytes)?
            && head.end() == bytes.len()
        {
            return Ok(Some(status));
        }
        self.push_part(bytes)
    }

    fn push_part(&mut self, bytes: &[u8]) -> Result<Option<u16>> {
        self.rest.extend_from_slice(bytes);
        ensure!(self.rest.len() <= RESPONSE_MAX_BYTES, "a response has no end");
        let Some((status, head)) = head(&self.rest)? else { return Ok(None) };
        ensure!(self.rest.len() <= head.end(), "a response to no request");
        if self.rest.len() < head.end() {
            return Ok(None);
        }
        self.rest.clear();
        Ok(Some(status))
    }
}

/// The status and the head at the start of a response.
fn head(bytes: &[u8]) -> Result<Option<(u16, Head<'_>)>> {
    let Some(head) = Head::parse(bytes)? else { return Ok(None) };
    let status = head.status()?;
    // These have no body (RFC 9110, section 6.4.1).
    if !matches!(status, 204 | 304) {
        head.content_length().context("a response without Content-Length")?;
    }
    Ok(Some((status, head)))
}

/// Connects without delay of small writes.
pub fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).context("the server does not listen")?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The same from another address of loopback: from each there are some 28,000 ports to one server.
pub fn connect_from(source: Ipv4Addr, address: SocketAddr) -> Result<TcpStream> {
    let flags = SocketFlags::CLOEXEC;
    let socket = net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    net::bind(&socket, &SocketAddrV4::new(source, 0)).with_context(|| format!("{source}"))?;
    net::connect(&socket, &address).context("the server does not listen")?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends a complete request and waits for the response: its status and body.
pub fn call(stream: &mut TcpStream, request: &[u8]) -> Result<(u16, Vec<u8>)> {
    stream.write_all(request)?;
    let mut response = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        let n = stream.read(&mut chunk)?;
        if n == 0 {
            bail!("the server closed the connection");
        }
        response.extend_from_slice(chunk.get(..n).unwrap_or_default());
        let Some((status, head)) = head(&response)? else { continue };
        let (body_from, end) = (head.body_from(), head.end());
        if response.len() >= end {
            return Ok((status, response.split_off(body_from)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: x\r\n\r\nhello";

    #[test]
    fn a_response_in_any_two_pieces_is_read_once() {
        for cut in 0..=OK.len() {
            let (a, b) = OK.split_at(cut);
            let mut responses = Responses::default();
            let first = responses.push(a).unwrap();
            assert_eq!(first, (cut == OK.len()).then_some(200), "cut at {cut}");
            if cut < OK.len() {
                assert_eq!(responses.push(b).unwrap(), Some(200), "cut at {cut}");
            }
            assert_eq!(responses.push(OK).unwrap(), Some(200), "and the next one");
        }
    }

    #[test]
    fn a_response_that_has_no_body_needs_no_length() {
        let mut responses = Responses::default();
        for status in [204, 304] {
            let head = format!("HTTP/1.1 {status} .\r\nDate: x\r\n\r\n");
            assert_eq!(responses.push(head.as_bytes()).unwrap(), Some(status));
        }
    }

    #[test]
    fn responses_without_a_length_are_refused() {
        let mut responses = Responses::default();
        assert!(responses.push(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
        assert!(Responses::default().push(b"garbage\r\n\r\n").is_err());
    }
}
