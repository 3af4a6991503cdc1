//! The server's side: complete requests and responses, kept connections, a thread for each.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use anyhow::{Result, ensure};
use tierlift_testkit::http::{Head, Message};

/// The largest that a Lambda event or answer may be.
const BODY_BYTES_MAX: usize = 6 * 1024 * 1024;

/// A complete request.
#[derive(Debug)]
pub struct Request {
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: String,
    message: Message,
}

impl Request {
    /// The first header of that name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.message.header(name)
    }

    /// Its body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.message.body
    }
}

/// A complete response.
#[derive(Debug)]
pub struct Response(Message);

impl Response {
    /// A response without headers.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let start_line = format!("HTTP/1.1 {status} .");
        Self(Message { start_line, headers: Vec::new(), body: body.into() })
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Answers requests until the program ends. `None` closes the connection.
pub fn serve<F>(answer: F) -> Result<SocketAddr>
where
    F: Fn(Request) -> Option<Response> + Send + Sync + 'static,
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

fn converse(mut stream: TcpStream, answer: &impl Fn(Request) -> Option<Response>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut unread = Vec::new();
    while let Some(request) = read(&mut stream, &mut unread)? {
        let Some(response) = answer(request) else { break };
        stream.write_all(&response.0.bytes())?;
    }
    Ok(())
}

/// The next request; none when the client is done.
fn read(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Result<Option<Request>> {
    let mut expected = false;
    let mut chunk = [0; 16 * 1024];
    loop {
        if let Some(message) = Message::take(unread)? {
            let mut words = message.start_line.split(' ').map(str::to_owned);
            let [method, path] = [words.next(), words.next()].map(Option::unwrap_or_default);
            return Ok(Some(Request { method, path, message }));
        }
        if let Some(head) = Head::parse(unread)?.filter(|_| !expected) {
            expected = true;
            let length = head.content_length().unwrap_or(0);
            ensure!(length <= BODY_BYTES_MAX, "a body of {length} bytes");
            if head.header("expect").is_some() {
                stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            }
        }
        let n = stream.read(&mut chunk)?;
        if n == 0 {
            return Ok(None);
        }
        unread.extend_from_slice(chunk.get(..n).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_on_one_connection_are_answered_in_turn() {
        let address = serve(|request| {
            let shown = format!("{} {}", request.path, String::from_utf8_lossy(request.body()));
            (request.method != "DELETE").then(|| Response::new(200, shown))
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
            "HTTP/1.1 200 .\r\ncontent-length: 5\r\n\r\n/a hi\
             HTTP/1.1 200 .\r\ncontent-length: 3\r\n\r\n/b "
        );
    }
}
