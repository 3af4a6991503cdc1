//! A network that fails as told: an HTTP proxy between the SDK and an emulator.
//!
//! It counts the requests of each operation, and does to the chosen ones what their fault says. It
//! refuses to fail at random: the same script meets the same requests.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::SocketAddr,
    ops::RangeInclusive,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// It is not passed on; this error is the answer. DynamoDB and SQS name errors in the same way.
    Refused(u16, &'static str),
    /// It is not passed on; each item of the transaction is told that another one is going on.
    Conflict,
    /// The connection ends before it is passed on.
    HungUp,
    /// It is passed on, and the connection ends instead of an answer.
    AnswerLost,
    /// It is passed on, and the answer takes that long.
    Late(Duration),
    /// The first of its entries or keys is not passed on, and the answer says so.
    InPart,
}

/// Which requests of an operation meet which fault; the first of a script is number 1.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) operation: &'static str,
    pub(super) calls: RangeInclusive<usize>,
    pub(super) fault: Fault,
}

/// How often each operation was asked for.
pub(super) type Counts = BTreeMap<String, usize>;

#[derive(Default)]
struct Script {
    rules: Vec<Rule>,
    counts: Counts,
    /// Operations that met a fault, in this script or one before.
    met: BTreeSet<String>,
}

/// A running proxy.
pub(super) struct Proxy {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    running: JoinHandle<()>,
}

impl Proxy {
    /// Before that server, without a fault.
    pub(super) async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script: Arc<Mutex<Script>> = Arc::default();
        let shared = script.clone();
        let running = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let script = shared.clone();
                tokio::spawn(async move {
                    // However a connection ends, its client sees that it ended.
                    let _ = Connection { client, server, script }.serve().await;
                });
            }
        });
        Self { address, script, running }
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on requests meet these faults, counted anew.
    pub(super) fn play(&self, rules: Vec<Rule>) {
        let mut script = self.script.lock().unwrap();
        script.rules = rules;
        script.counts.clear();
    }

    /// The requests since the script began.
    pub(super) fn counts(&self) -> Counts {
        self.script.lock().unwrap().counts.clone()
    }

    /// Whether the operation ever met a fault.
    pub(super) fn has_met(&self, operation: &str) -> bool {
        self.script.lock().unwrap().met.contains(operation)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Script {
    fn meets(&mut self, operation: &str) -> Option<Fault> {
        let count = self.counts.entry(operation.to_owned()).or_default();
        *count += 1;
        let mut rules = self.rules.iter();
        let rule = rules.find(|rule| rule.operation == operation && rule.calls.contains(count))?;
        self.met.insert(operation.to_owned());
        Some(rule.fault)
    }
}

struct Connection {
    client: TcpStream,
    server: SocketAddr,
    script: Arc<Mutex<Script>>,
}

impl Connection {
    async fn serve(mut self) -> io::Result<()> {
        self.client.set_nodelay(true)?;
        loop {
            let request = Text::read(&mut self.client).await?;
            let operation = request.operation();
            let fault = self.script.lock().unwrap().meets(&operation);
            let answer = match fault {
                None => self.pass_on(&request).await?,
                Some(Fault::Refused(status, code)) => {
                    Text::error(status, &json!({ "__type": code }))
                }
                Some(Fault::Conflict) => Text::error(400, &conflict(&request.json())),
                Some(Fault::HungUp) => return Ok(()),
                Some(Fault::AnswerLost) => return self.pass_on(&request).await.map(|_| ()),
                Some(Fault::Late(time)) => {
                    let answer = self.pass_on(&request).await?;
                    tokio::time::sleep(time).await;
                    answer
                }
                Some(Fault::InPart) => self.pass_part(request).await?,
            };
            self.client.write_all(&answer.bytes()).await?;
        }
    }

    async fn pass_on(&self, request: &Text) -> io::Result<Text> {
        let mut server = TcpStream::connect(self.server).await?;
        server.write_all(&request.bytes()).await?;
        Text::read(&mut server).await
    }

    async fn pass_part(&self, mut request: Text) -> io::Result<Text> {
        let mut asked = request.json();
        let withheld = withhold(&mut asked);
        request.body = asked.to_string().into_bytes();
        let mut said = json!({});
        if asks_for_something(&asked) {
            said = self.pass_on(&request).await?.json();
        }
        said.as_object_mut().unwrap().extend(withheld.as_object().unwrap().clone());
        Ok(Text { body: said.to_string().into_bytes(), ..Text::of("HTTP/1.1 200 OK") })
    }
}

/// As if each item were in a transaction already.
fn conflict(request: &Value) -> Value {
    let reason = json!({ "Code": "TransactionConflict", "Message": "Transaction is ongoing" });
    let items = request["TransactItems"].as_array().unwrap().len();
    json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
        "CancellationReasons": vec![reason; items],
    })
}

/// Takes the first entry or key out of a request; says what the answer must say of it.
fn withhold(request: &mut Value) -> Value {
    if let Some(entries) = request["Entries"].as_array_mut() {
        let id = entries.remove(0)["Id"].take();
        let failed = json!({ "Id": id, "Code": "InternalError", "SenderFault": false });
        return json!({ "Failed": [failed] });
    }
    let tables = request["RequestItems"].as_object_mut().unwrap();
    let (name, table) = tables.iter_mut().next().unwrap();
    let key = table["Keys"].as_array_mut().unwrap().remove(0);
    json!({ "UnprocessedKeys": { name: { "Keys": [key], "ConsistentRead": true } } })
}

/// An empty request is refused, and so is one for no keys.
fn asks_for_something(request: &Value) -> bool {
    let tables = request["RequestItems"].as_object().into_iter().flatten();
    let keys = tables.map(|(_, table)| &table["Keys"]);
    keys.chain([&request["Entries"]]).filter_map(Value::as_array).any(|asked| !asked.is_empty())
}

/// A request or an answer.
struct Text {
    /// Its lines but those that say how long the body is and what becomes of the connection.
    head: Vec<String>,
    body: Vec<u8>,
}

impl Text {
    fn of(line: &str) -> Self {
        let kind = "content-type: application/x-amz-json-1.0".to_owned();
        Self { head: vec![line.to_owned(), kind], body: Vec::new() }
    }

    fn error(status: u16, body: &Value) -> Self {
        Self { body: body.to_string().into_bytes(), ..Self::of(&format!("HTTP/1.1 {status} No")) }
    }

    async fn read(stream: &mut TcpStream) -> io::Result<Self> {
        let mut read = Vec::new();
        let head_end = loop {
            match read.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(at) => break at + 4,
                None => read_more(stream, &mut read).await?,
            }
        };
        let mut body = read.split_off(head_end);
        let head = String::from_utf8_lossy(&read);
        let lines = head.trim_end().split("\r\n");
        let (framing, head): (Vec<&str>, Vec<&str>) = lines.partition(|line| {
            let line = line.to_lowercase();
            line.starts_with("content-length:") || line.starts_with("connection:")
        });
        let length = framing.iter().find_map(|line| line.split_once(": ")?.1.parse().ok());
        while body.len() < length.unwrap_or(0) {
            read_more(stream, &mut body).await?;
        }
        Ok(Self { head: head.into_iter().map(str::to_owned).collect(), body })
    }

    /// The target's last word; or the request line where there is none.
    fn operation(&self) -> String {
        let target = self.head.iter().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("x-amz-target").then_some(value)
        });
        let operation = target.and_then(|target| target.rsplit('.').next());
        operation.unwrap_or(&self.head[0]).to_owned()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn bytes(&self) -> Vec<u8> {
        let head = self.head.join("\r\n");
        let length = format!("\r\ncontent-length: {}\r\n\r\n", self.body.len());
        [head.as_bytes(), length.as_bytes(), &self.body].concat()
    }
}

async fn read_more(stream: &mut TcpStream, read: &mut Vec<u8>) -> io::Result<()> {
    match stream.read_buf(read).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}
