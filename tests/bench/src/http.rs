//! As much of HTTP/1.1 as the generator reads: the status and the end of an answer.
//!
//! Answers must carry a `Content-Length`; it refuses chunked ones. One request waits on a connection
//! at a time, so an answer ends where the bytes end.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use anyhow::{Context as _, Result, bail, ensure};

const ANSWER_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Collects the bytes of one answer after another.
#[derive(Default)]
pub(crate) struct Answers {
    rest: Vec<u8>,
}

impl Answers {
    /// Takes what was read; gives the status once the answer is whole.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Option<u16>> {
        if self.rest.is_empty()
            && let Some(head) = Head::parse(bytes)?
            && head.end == bytes.len()
        {
            return Ok(Some(head.status));
        }
        self.push_part(bytes)
    }

    fn push_part(&mut self, bytes: &[u8]) -> Result<Option<u16>> {
        self.rest.extend_from_slice(bytes);
        ensure!(self.rest.len() <= ANSWER_MAX_BYTES, "an answer has no end");
        let Some(head) = Head::parse(&self.rest)? else { return Ok(None) };
        ensure!(self.rest.len() <= head.end, "an answer that nothing asked for");
        if self.rest.len() < head.end {
            return Ok(None);
        }
        self.rest.clear();
        Ok(Some(head.status))
    }
}

struct Head {
    status: u16,
    /// Where the body begins.
    body_from: usize,
    /// Where the answer ends.
    end: usize,
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let Some(blank) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
        let head = bytes.get(..blank).unwrap_or_default();
        let status = head.get(9..12).and_then(decimal).context("not an HTTP answer")?;
        let length = content_length(head).context("an answer without Content-Length")?;
        let body_from = blank + 4;
        let status = u16::try_from(status)?;
        Ok(Some(Self { status, body_from, end: body_from + length }))
    }
}

fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let lines = head.split(|byte| *byte == b'\n');
    let mut named = lines.filter_map(|line| line.split_at_checked(NAME.len()));
    let (_, value) = named.find(|(name, _)| name.eq_ignore_ascii_case(NAME))?;
    decimal(value.trim_ascii())
}

fn decimal(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Connects without delay of small writes.
pub(crate) fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).context("the server does not listen")?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends a whole request and waits for the answer: status and body.
pub(crate) fn call(stream: &mut TcpStream, request: &[u8]) -> Result<(u16, Vec<u8>)> {
    stream.write_all(request)?;
    let mut answer = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        let n = stream.read(&mut chunk)?;
        if n == 0 {
            bail!("the server closed the connection");
        }
        answer.extend_from_slice(chunk.get(..n).unwrap_or_default());
        let Some(head) = Head::parse(&answer)? else { continue };
        if answer.len() >= head.end {
            return Ok((head.status, answer.split_off(head.body_from)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: x\r\n\r\nhello";

    #[test]
    fn an_answer_in_any_two_pieces_is_read_once() {
        for cut in 0..=OK.len() {
            let (a, b) = OK.split_at(cut);
            let mut answers = Answers::default();
            let first = answers.push(a).unwrap();
            assert_eq!(first, (cut == OK.len()).then_some(200), "cut at {cut}");
            if cut < OK.len() {
                assert_eq!(answers.push(b).unwrap(), Some(200), "cut at {cut}");
            }
            assert_eq!(answers.push(OK).unwrap(), Some(200), "and the next one");
        }
    }

    #[test]
    fn answers_without_a_length_are_refused() {
        let mut answers = Answers::default();
        assert!(answers.push(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
        assert!(Answers::default().push(b"garbage\r\n\r\n").is_err());
    }
}
