//! Lambda's Runtime API, as a function sees it: it asks for the next event, and posts its answer.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
//!
//! Times are taken on the connection's own thread, when a request is whole and before an answer is
//! written. It refuses a function that reports an error.

use std::{
    net::SocketAddr,
    sync::{
        Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail};

use tierlift_bench::http::{self, Request, Response};

const DEADLINE: Duration = Duration::from_secs(10);
const WAIT_MAX: Duration = Duration::from_secs(30);

/// What a function did.
enum News {
    /// It asked for an event.
    Ready(Instant),
    /// It answered the event that was given to it so long ago.
    Answered(Duration, Vec<u8>),
    /// It reported an error instead.
    Failed(String),
}

/// The Runtime API of one process.
pub(crate) struct Runtime {
    pub(crate) address: SocketAddr,
    events: Sender<Vec<u8>>,
    news: Receiver<News>,
}

/// What the connections share.
struct Desk {
    events: Mutex<Receiver<Vec<u8>>>,
    news: Sender<News>,
    given: Mutex<Option<Instant>>,
}

impl Runtime {
    pub(crate) fn start() -> Result<Self> {
        let (events, waiting) = channel();
        let (tell, news) = channel();
        let desk = Desk { events: Mutex::new(waiting), news: tell, given: Mutex::new(None) };
        let address = http::serve(move |request| desk.answer(&request))?;
        Ok(Self { address, events, news })
    }

    /// When the function first asked for an event.
    pub(crate) fn ready(&self) -> Result<Instant> {
        match self.news.recv_timeout(WAIT_MAX).context("the function is not ready")? {
            News::Ready(at) => Ok(at),
            News::Answered(..) => bail!("the function answers before it was asked"),
            News::Failed(what) => bail!("the function failed to start: {what}"),
        }
    }

    /// Gives an event to a function that is ready, and waits until it is ready for the next one.
    pub(crate) fn invoke(&self, event: &serde_json::Value) -> Result<(Duration, Vec<u8>)> {
        self.events.send(serde_json::to_vec(event)?)?;
        let news = self.news.recv_timeout(WAIT_MAX).context("the function does not answer")?;
        let answered = match news {
            News::Answered(after, body) => (after, body),
            News::Ready(_) => bail!("the function asks twice without an answer"),
            News::Failed(what) => bail!("the function failed: {what}"),
        };
        self.ready()?;
        Ok(answered)
    }
}

impl Desk {
    fn answer(&self, request: &Request) -> Option<Response> {
        let at = Instant::now();
        let last = request.path.rsplit('/').next().unwrap_or_default();
        match (request.method.as_str(), last) {
            ("GET", "next") => {
                self.news.send(News::Ready(at)).ok()?;
                self.next()
            }
            ("POST", "response") => {
                let given = self.given.lock().ok()?.take()?;
                let after = at.duration_since(given);
                self.news.send(News::Answered(after, request.body().to_vec())).ok()?;
                Some(Response::new(202, ""))
            }
            _ => {
                let what = String::from_utf8_lossy(request.body());
                self.news.send(News::Failed(format!("{}: {what}", request.path))).ok()?;
                Some(Response::new(202, ""))
            }
        }
    }

    /// Waits for an event; none when the measuring is over.
    fn next(&self) -> Option<Response> {
        let event = self.events.lock().ok()?.recv().ok()?;
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).ok()? + DEADLINE;
        let response = Response::new(200, event)
            .with("Content-Type", "application/json")
            .with("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
            .with("Lambda-Runtime-Deadline-Ms", &deadline.as_millis().to_string())
            .with(
                "Lambda-Runtime-Invoked-Function-Arn",
                "arn:aws:lambda:us-east-1:123456789012:function:tierlift",
            )
            .with(
                "Lambda-Runtime-Trace-Id",
                "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
            );
        *self.given.lock().ok()? = Some(Instant::now());
        Some(response)
    }
}
