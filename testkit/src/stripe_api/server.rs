//! The server: a thread that accepts, and one for each connection.

use std::{
    collections::VecDeque,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

use serde_json::Value;
use tierlift_core::time::{Clock, Timestamp};

use super::{
    Fault,
    objects::{Objects, Reply, error},
    query::Query,
};
use crate::{http::Message, world::World};

const HUGE_BYTES: usize = 64 * 1024 * 1024;

/// A running stand-in. It ends with its value.
#[derive(Debug)]
pub struct StripeApi {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clock: Clock,
    key: String,
    is_over: AtomicBool,
    state: Mutex<State>,
    released: Condvar,
}

#[derive(Debug, Default)]
struct State {
    objects: Objects,
    faults: VecDeque<Fault>,
    /// A fault of every request, until it is lifted.
    outage: Option<Fault>,
    requests: Vec<Message>,
    /// Whether answers wait.
    is_held: bool,
    per_sec_max: Option<u32>,
    second: Option<(Instant, u32)>,
    limited: u64,
}

impl StripeApi {
    /// Starts an empty account that accepts that key and answers by that clock.
    #[must_use]
    pub fn start(key: &str, clock: Clock) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (is_over, state) = (AtomicBool::new(false), Mutex::default());
        let (key, released) = (key.to_owned(), Condvar::new());
        let shared = Arc::new(Shared { clock, key, is_over, state, released });
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if of_thread.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&of_thread);
                thread::spawn(move || stream.map(|stream| shared.serve(stream)));
            }
        });
        Self { address, shared }
    }

    /// Scheme and host.
    #[must_use]
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds an object, or replaces the one with its id.
    pub fn put(&self, object: Value) {
        self.shared.state().objects.put(object);
    }

    /// Changes one object.
    pub fn change(&self, kind: &str, id: &str, change: impl FnOnce(&mut Value)) {
        self.shared.state().objects.change(kind, id, change);
    }

    /// An object as it is now.
    #[must_use]
    pub fn object(&self, kind: &str, id: &str) -> Option<Value> {
        self.shared.state().objects.find(kind, id).cloned()
    }

    /// Adds everything that a simulated account has by now, and its events.
    pub fn show(&self, world: &World) {
        let mut state = self.shared.state();
        for object in world.observe(world.now) {
            if object["id"].is_string() {
                state.objects.put(object);
            }
        }
        for event in &world.events {
            state.objects.put(event.body.clone());
        }
    }

    /// What the next request without a fault meets.
    pub fn fail_next(&self, fault: Fault) {
        self.shared.state().faults.push_back(fault);
    }

    /// What all requests meet from now on.
    pub fn fail_all(&self, fault: Option<Fault>) {
        self.shared.state().outage = fault;
    }

    /// Lets every answer wait until [`StripeApi::release`].
    pub fn hold(&self) {
        self.shared.state().is_held = true;
    }

    /// Sends the answers that wait.
    pub fn release(&self) {
        self.shared.state().is_held = false;
        self.shared.released.notify_all();
    }

    /// Answers 429 to more requests than that in a second.
    pub fn limit(&self, per_sec_max: u32) {
        self.shared.state().per_sec_max = Some(per_sec_max);
    }

    /// How many requests were more than that.
    #[must_use]
    pub fn limited(&self) -> u64 {
        self.shared.state().limited
    }

    /// The targets of all requests so far.
    #[must_use]
    pub fn targets(&self) -> Vec<String> {
        let state = self.shared.state();
        let target = |message: &Message| message.start_line.split(' ').nth(1).map(str::to_owned);
        state.requests.iter().filter_map(target).collect()
    }

    /// The latest request.
    #[must_use]
    pub fn latest_request(&self) -> Option<Message> {
        self.shared.state().requests.last().cloned()
    }
}

impl Drop for StripeApi {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics")
    }

    fn serve(&self, mut stream: TcpStream) {
        let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            bytes.extend_from_slice(&buffer[..read]);
            while let Ok(Some(request)) = Message::take(&mut bytes) {
                if self.answer(&mut stream, request).is_none() {
                    return;
                }
            }
        }
    }

    /// Answers a request. None ends the connection.
    fn answer(&self, stream: &mut TcpStream, request: Message) -> Option<()> {
        let target = request.start_line.split(' ').nth(1).unwrap_or_default().to_owned();
        let refused = self.refused(&request);
        let (fault, mut reply) = {
            let mut state = self.state();
            state.requests.push(request);
            let mut state =
                self.released.wait_while(state, |state| state.is_held).expect("no thread panics");
            let fault = state.faults.pop_front().or_else(|| state.outage.clone());
            let limited = state.is_over_limit().then(|| limited(None));
            (fault, refused.or(limited).unwrap_or_else(|| state.reply(&target)))
        };
        let mut is_dated = true;
        match &fault {
            None => {}
            Some(Fault::Status(status)) => reply = error(*status, "api_error", "as told"),
            Some(Fault::RateLimited { retry_after_secs }) => {
                reply = limited(*retry_after_secs);
            }
            Some(Fault::Slow(time)) => thread::sleep(*time),
            Some(Fault::Undated) => is_dated = false,
            Some(Fault::Swapped { target }) => reply = self.state().reply(target),
            Some(Fault::Dropped) => return None,
            Some(Fault::Cut) => {
                let bytes = self.bytes(&reply, is_dated);
                stream.write_all(&bytes[..bytes.len() - bytes.len().min(20)]).ok()?;
                return None;
            }
            Some(Fault::Garbled) => {
                let page = Message::new("HTTP/1.1 200 OK", "text/html", "<html>");
                return stream.write_all(&self.dated(page).bytes()).ok();
            }
            Some(Fault::Huge) => {
                let page =
                    Message::new("HTTP/1.1 200 OK", "application/json", vec![b' '; HUGE_BYTES]);
                return stream.write_all(&self.dated(page).bytes()).ok();
            }
        }
        stream.write_all(&self.bytes(&reply, is_dated)).ok()
    }

    /// The answer to a request without the key, or without a version.
    fn refused(&self, request: &Message) -> Option<Reply> {
        if request.header("authorization") != Some(&format!("Bearer {}", self.key)) {
            return Some(error(
                401,
                "invalid_request_error",
                "Invalid API Key provided: sk_test_*67",
            ));
        }
        let is_get = request.start_line.starts_with("GET ");
        let versioned = request.header("stripe-version").is_some();
        let told = "a GET with a Stripe-Version is expected";
        (!is_get || !versioned).then(|| error(400, "invalid_request_error", told))
    }

    fn bytes(&self, (status, body): &Reply, is_dated: bool) -> Vec<u8> {
        let line = format!("HTTP/1.1 {status} Status");
        // Stripe indents its answers.
        let text = serde_json::to_string_pretty(body).expect("JSON");
        let mut message = Message::new(&line, "application/json", text);
        if let Some(secs) = body["retry_after"].as_u64() {
            message.headers.push(("retry-after".to_owned(), secs.to_string()));
        }
        if is_dated { self.dated(message).bytes() } else { message.bytes() }
    }

    fn dated(&self, mut message: Message) -> Message {
        message.headers.push(("date".to_owned(), date(self.clock.now())));
        message
    }
}

impl State {
    fn reply(&self, target: &str) -> Reply {
        self.objects.reply(&Query::parse(target))
    }

    fn is_over_limit(&mut self) -> bool {
        let Some(max) = self.per_sec_max else { return false };
        let (since, count) = self.second.get_or_insert((Instant::now(), 0));
        if since.elapsed().as_secs() >= 1 {
            (*since, *count) = (Instant::now(), 0);
        }
        *count += 1;
        let is_over = *count > max;
        self.limited += u64::from(is_over);
        is_over
    }
}

fn limited(retry_after_secs: Option<u64>) -> Reply {
    let (status, mut body) = error(429, "invalid_request_error", "Request rate limit exceeded");
    if let Some(secs) = retry_after_secs {
        body["retry_after"] = secs.into();
    }
    (status, body)
}

/// A time as HTTP writes it (RFC 9110, section 5.6.7).
fn date(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_microsecond(at.as_micros()).expect("a year before 10000");
    let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
    printer.timestamp_to_rfc9110_string(&at).expect("a date")
}
