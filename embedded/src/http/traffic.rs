//! What passes over one connection: its bytes, its requests and their bodies. It tells the list of
//! connections what they do, and refuses requests that do not say which host they are for.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    http::{
        HeaderValue, Method, Request, Response, StatusCode, Version,
        header::{CONNECTION, HOST, RETRY_AFTER},
        uri::Authority,
    },
    response::IntoResponse as _,
};
use hyper::{
    body::{Frame, Incoming, SizeHint},
    service::Service,
};
use hyper_util::service::TowerToHyperService;
use tierlift_core::{codes::Code, limits::OVERLOADED_RETRY_AFTER_SECS, wire::problem};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::connections::Link;

/// The stream of a connection.
pub(crate) struct Stream {
    tcp: TcpStream,
    link: Arc<Link>,
}

impl Stream {
    pub(super) const fn new(tcp: TcpStream, link: Arc<Link>) -> Self {
        Self { tcp, link }
    }

    /// The TCP stream, when HTTP is over.
    pub(super) fn into_tcp(self) -> TcpStream {
        self.tcp
    }

    fn note(&self, sent: &io::Result<usize>) {
        if sent.is_ok() {
            self.link.touch();
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.tcp).poll_read(cx, buffer));
        let received = buffer.filled().len() - before;
        if received > 0 {
            self.link.received(received);
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let sent = ready!(Pin::new(&mut self.tcp).poll_write(cx, bytes));
        self.note(&sent);
        Poll::Ready(sent)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = ready!(Pin::new(&mut self.tcp).poll_write_vectored(cx, slices));
        self.note(&sent);
        Poll::Ready(sent)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }
}

/// The body of a request, on its way in.
struct Inbound {
    body: Incoming,
    link: Arc<Link>,
}

impl HttpBody for Inbound {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.link.end_request();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Answers the requests of one connection.
pub(super) struct Requests {
    pub(super) router: TowerToHyperService<Router>,
    pub(super) hosts: Hosts,
    pub(super) link: Arc<Link>,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl Service<Request<Incoming>> for Requests {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        if let Some(refusal) = self.hosts.refusal(&request) {
            self.link.answered();
            return Box::pin(async { Ok(refusal) });
        }
        let link = Arc::clone(&self.link);
        link.begin_request();
        if request.body().is_end_stream() {
            link.end_request();
        }
        let is_webhook =
            request.method() == Method::POST && request.uri().path() == tierlift_ingest::PATH;
        let request = request.map(|body| Body::new(Inbound { body, link: Arc::clone(&link) }));
        let response = self.router.call(request);
        Box::pin(async move {
            let response = tokio::select! {
                biased;
                response = response => response?,
                () = link.until_shed() => overloaded(),
            };
            if is_webhook && response.status().is_success() {
                link.trust();
            }
            link.answered();
            Ok(response)
        })
    }
}

/// The answer to a request for which there is no room.
fn overloaded() -> Response<Body> {
    let (status, detail) = (StatusCode::SERVICE_UNAVAILABLE, "too many requests; send it again");
    let mut response = problem::response(status, Code::ServerOverloaded, detail).into_response();
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from(OVERLOADED_RETRY_AFTER_SECS));
    // The rest of the request is not read.
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The hosts that requests may be for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts(Option<Arc<[String]>>);

impl Hosts {
    /// Only these names, whatever the port.
    pub(crate) fn only(names: Vec<String>) -> Self {
        Self(Some(names.into()))
    }

    /// The refusal of a request without a single valid `Host` (RFC 9112, section 3.2), or for another host.
    fn refusal<B>(&self, request: &Request<B>) -> Option<Response<Body>> {
        let refuse =
            |status, code, detail| Some(problem::response(status, code, detail).into_response());
        let mut values = request.headers().get_all(HOST).iter();
        let (host, more) = (values.next(), values.next());
        let is_required = request.version() >= Version::HTTP_11;
        let name = host.map_or(Some(""), |value| name(value));
        if more.is_some() || (is_required && host.is_none()) || name.is_none() {
            let detail = "a request has one Host header, with a host and perhaps a port";
            return refuse(StatusCode::BAD_REQUEST, Code::HostInvalid, detail);
        }
        let allowed = self.0.as_ref()?;
        if allowed.iter().any(|known| name.is_some_and(|name| known.eq_ignore_ascii_case(name))) {
            return None;
        }
        let detail = "this server answers to its own names only";
        refuse(StatusCode::FORBIDDEN, Code::HostRefused, detail)
    }
}

/// The name in a `Host` header; empty if the header is. `None` if it is not valid.
fn name(value: &HeaderValue) -> Option<&str> {
    let text = value.to_str().ok()?;
    if text.is_empty() {
        return Some(text);
    }
    let authority: Authority = text.parse().ok()?;
    if text.contains('@') {
        return None;
    }
    let name = authority.host();
    text.get(..name.len())
}
