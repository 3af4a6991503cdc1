//! As much of HTTP/1.1 as tests and benchmarks read: a message's head, and where the message ends.
//!
//! No IO and no allocation: bytes come in, borrowed parts go out, so that a load generator, a fake
//! server and a proxy share it. It refuses bodies without a `Content-Length`: a chunked message is an
//! error.

use std::fmt;

/// The head of a request or response, and where its body is.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    start_line: &'a str,
    lines: &'a str,
    body_from: usize,
    content_length: Option<usize>,
}

/// Bytes that are not a message, or one of a form that is not read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error(&'static str);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Error {}

impl<'a> Head<'a> {
    /// Reads the head at the start of `bytes`; none until all of it is there.
    pub fn parse(bytes: &'a [u8]) -> Result<Option<Self>, Error> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        let text = std::str::from_utf8(bytes.get(..end).unwrap_or_default());
        let text = text.map_err(|_| Error("a head that is not UTF-8"))?;
        let (start_line, lines) = text.split_once("\r\n").unwrap_or((text, ""));
        let mut head = Self { start_line, lines, body_from: end + 4, content_length: None };
        if head.header("transfer-encoding").is_some() {
            return Err(Error("a chunked message"));
        }
        if let Some(length) = head.header("content-length") {
            let length = length.parse().map_err(|_| Error("a Content-Length that is no number"))?;
            head.content_length = Some(length);
        }
        Ok(Some(head))
    }

    /// The request line or the status line.
    #[must_use]
    pub const fn start_line(&self) -> &'a str {
        self.start_line
    }

    /// A request's method and path.
    pub fn request(&self) -> Result<(&'a str, &'a str), Error> {
        let mut words = self.start_line.split(' ');
        words.next().zip(words.next()).ok_or(Error("a request line without a path"))
    }

    /// A response's status.
    pub fn status(&self) -> Result<u16, Error> {
        let version = self.start_line.starts_with("HTTP/1.");
        let status = self.start_line.split(' ').nth(1).filter(|_| version);
        status.and_then(|status| status.parse().ok()).ok_or(Error("not an HTTP response"))
    }

    /// The headers, in their order.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let lines = self.lines.split("\r\n").filter_map(|line| line.split_once(':'));
        lines.map(|(name, value)| (name.trim(), value.trim()))
    }

    /// The first header of that name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// What `Content-Length` says.
    #[must_use]
    pub const fn content_length(&self) -> Option<usize> {
        self.content_length
    }

    /// Where the body begins.
    #[must_use]
    pub const fn body_from(&self) -> usize {
        self.body_from
    }

    /// Where the message ends: with its head if it has no length.
    #[must_use]
    pub fn end(&self) -> usize {
        self.body_from + self.content_length.unwrap_or(0)
    }
}

/// A whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The request line or the status line.
    pub start_line: String,
    /// Its headers but those that frame it: `Content-Length` and `Connection`.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Message {
    /// A message with a body of that type.
    #[must_use]
    pub fn new(start_line: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self { start_line: start_line.to_owned(), headers, body: body.into() }
    }

    /// Takes the first message off the front of `bytes`; none until all of it is there.
    pub fn take(bytes: &mut Vec<u8>) -> Result<Option<Self>, Error> {
        let Some(head) = Head::parse(bytes)?.filter(|head| head.end() <= bytes.len()) else {
            return Ok(None);
        };
        let frames = |name: &str| ["content-length", "connection"].contains(&&*name.to_lowercase());
        let headers = head.headers().filter(|(name, _)| !frames(name));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let (start_line, body_from, end) = (head.start_line.to_owned(), head.body_from, head.end());
        let body = bytes.get(body_from..end).unwrap_or_default().to_vec();
        bytes.drain(..end);
        Ok(Some(Self { start_line, headers, body }))
    }

    /// The first header of that name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.as_str())
    }

    /// The message as it is sent, with the length of its body.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{}\r\ncontent-length: {}\r\n", self.start_line, self.body.len());
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nx-a:b: c \r\n\r\nhello, next";

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        for cut in 0..OK.len() - 11 {
            assert!(Head::parse(&OK[..cut]).unwrap().is_none(), "cut at {cut}");
        }
        let head = Head::parse(OK).unwrap().unwrap();
        assert_eq!((head.status(), head.content_length()), (Ok(200), Some(5)));
        assert_eq!(head.headers().nth(1), Some(("x-a", "b: c")));
        assert_eq!(&OK[head.body_from()..head.end()], b"hello");
        let head = Head::parse(b"GET /a HTTP/1.1\r\n\r\n").unwrap().unwrap();
        assert_eq!((head.request(), head.end()), (Ok(("GET", "/a")), 19));
        assert!(head.status().is_err());
    }

    #[test]
    fn what_has_no_length_is_refused() {
        for head in ["transfer-encoding: chunked", "content-length: many"] {
            let text = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n");
            assert!(Head::parse(text.as_bytes()).is_err(), "{head}");
        }
        assert!(Head::parse(b"\xff\r\n\r\n").is_err());
    }

    #[test]
    fn messages_are_taken_one_after_another() {
        let mut bytes = OK.to_vec();
        let first = Message::take(&mut bytes).unwrap().unwrap();
        assert_eq!((first.body.as_slice(), first.header("X-A")), (&b"hello"[..], Some("b: c")));
        assert!(first.header("content-length").is_none());
        let again = Message::take(&mut first.bytes()).unwrap().unwrap();
        assert_eq!(again, first);
        assert_eq!(bytes, b", next");
        assert_eq!(Message::take(&mut bytes), Ok(None));
    }
}
