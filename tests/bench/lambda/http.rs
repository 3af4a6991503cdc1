//! The server's side of as much HTTP/1.1 as the fakes speak: whole requests, whole answers, kept
//! connections, a thread for each.
//!
//! It listens on 127.0.0.1 alone. It refuses bodies without a length: no client measured here sends
//! them.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use anyhow::{Context as _, Result, bail, ensure};

/// The largest that a Lambda event or answer may be.
const BODY_BYTES_MAX: usize = 6 * 1024 * 1024;
const HEADERS_MAX: usize = 100;

/// A whole request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter().filter(|(of, _)| of.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.as_str())
    }
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut head =
            format!("HTTP/1.1 {} .\r\nContent-Length: {}\r\n", self.status, self.body.len());
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// Answers requests until the program ends. What it answers `None` to ends the connection.
pub(crate) fn serve<F>(answer: F) -> Result<SocketAddr>
where
    F: Fn(Request) -> Option<Answer> + Send + Sync + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || drop(converse(stream, &*answer)));
        }
    });
    Ok(address)
}

fn converse(stream: TcpStream, answer: &impl Fn(Request) -> Option<Answer>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    while let Some(request) = read(&mut reader, &mut writer)? {
        let Some(answer) = answer(request) else { break };
        writer.write_all(&answer.bytes())?;
    }
    Ok(())
}

/// The next request; none when the client is done.
fn read(reader: &mut BufReader<TcpStream>, writer: &mut TcpStream) -> Result<Option<Request>> {
    let Some(first) = line(reader)? else { return Ok(None) };
    let mut words = first.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let path = words.next().context("a request line without a path")?.to_owned();
    let headers = headers(reader)?;
    let mut request = Request { method, path, headers, body: Vec::new() };
    ensure!(request.header("transfer-encoding").is_none(), "a chunked request");
    if request.header("expect").is_some() {
        writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let length: usize = request.header("content-length").unwrap_or("0").parse()?;
    ensure!(length <= BODY_BYTES_MAX, "a body of {length} bytes");
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body)?;
    Ok(Some(request))
}

fn headers(reader: &mut BufReader<TcpStream>) -> Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    while headers.len() < HEADERS_MAX {
        let line = line(reader)?.context("a head without an end")?;
        if line.is_empty() {
            return Ok(headers);
        }
        let (name, value) = line.split_once(':').context("a header without a colon")?;
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    bail!("more than {HEADERS_MAX} headers")
}

fn line(reader: &mut BufReader<TcpStream>) -> Result<Option<String>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(line.trim_end().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_on_one_connection_are_answered_in_turn() {
        let address = serve(|request| {
            let shown = format!("{} {}", request.path, String::from_utf8_lossy(&request.body));
            (request.method != "DELETE").then(|| Answer::new(200, shown))
        })
        .unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .write_all(
                b"POST /a HTTP/1.1\r\ncontent-length: 2\r\n\r\nhiGET /b HTTP/1.1\r\n\r\n\
                  DELETE /c HTTP/1.1\r\n\r\n",
            )
            .unwrap();
        let mut all = String::new();
        stream.read_to_string(&mut all).unwrap();
        assert_eq!(
            all,
            "HTTP/1.1 200 .\r\nContent-Length: 5\r\n\r\n/a hi\
             HTTP/1.1 200 .\r\nContent-Length: 3\r\n\r\n/b "
        );
    }
}
