//! A network with scripted faults: an HTTP proxy between the SDK and an emulator.
//!
//! It counts the requests of each operation and injects faults into the ones that its rules name. It
//! never fails at random: the same rules hit the same requests.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::SocketAddr,
    ops::RangeInclusive,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tierlift_testkit::{harness::client::read_message, http::Message};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What happens to a request.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// It is not forwarded; this is the response.
    Response(u16, Value),
    /// It is not forwarded; the response is this error. DynamoDB and SQS name errors in the same way.
    Refused(u16, &'static str),
    /// It is not forwarded; every item of the transaction is reported as part of another one.
    Conflict,
    /// It is not forwarded; the connection is closed.
    HungUp,
    /// It is forwarded, and the connection is closed instead of a response.
    ResponseLost,
    /// It is forwarded, and the response is delayed by that time.
    Late(Duration),
    /// Its first entry or key is not forwarded, and the response reports that.
    Partial,
}

/// The fault for some requests of an operation. Requests count from 1 since the rules were set.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) operation: &'static str,
    pub(super) calls: RangeInclusive<usize>,
    pub(super) fault: Fault,
}

/// Number of requests for each operation.
pub(super) type Counts = BTreeMap<String, usize>;

#[derive(Default)]
struct Script {
    rules: Vec<Rule>,
    counts: Counts,
    /// Requests since they were last asked for, by operation.
    requests: Vec<(String, Value)>,
    /// Operations that had a fault, under these rules or earlier ones.
    faulted: BTreeSet<String>,
    /// The socket whose client does not read, and how often a push to it was refused.
    stalled: Option<(String, usize)>,
}

/// A running proxy.
pub(super) struct Proxy {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    running: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy in front of a server, without faults.
    pub(super) async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script: Arc<Mutex<Script>> = Arc::default();
        let shared = script.clone();
        let running = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let script = shared.clone();
                tokio::spawn(async move {
                    // The client sees that its connection ended, whatever the error was.
                    let _ = Connection { client, server, script }.serve().await;
                });
            }
        });
        Self { address, script, running }
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Replaces the rules and resets the counts.
    pub(super) fn set_rules(&self, rules: Vec<Rule>) {
        let mut script = self.script.lock().unwrap();
        script.rules = rules;
        script.counts.clear();
    }

    /// From now on pushes to this socket are refused as API Gateway does it when the buffer of its client is full
    /// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>).
    pub(super) fn stall(&self, connection: &str) {
        self.script.lock().unwrap().stalled = Some((format!("/@connections/{connection} "), 0));
    }

    /// How often a push to the stalled socket was refused.
    pub(super) fn stalled_pushes(&self) -> usize {
        self.script.lock().unwrap().stalled.as_ref().map_or(0, |(_, pushes)| *pushes)
    }

    /// Requests since the rules were set.
    pub(super) fn counts(&self) -> Counts {
        self.script.lock().unwrap().counts.clone()
    }

    /// Takes the requests since the last call, with their operations.
    pub(super) fn take_requests(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.script.lock().unwrap().requests)
    }

    /// Whether a request of the operation ever had a fault.
    pub(super) fn has_faulted(&self, operation: &str) -> bool {
        self.script.lock().unwrap().faulted.contains(operation)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Script {
    /// Whether a request is a push to the stalled socket.
    fn is_stalled(&mut self, request: &Message) -> bool {
        let line = request.start_line.replace("%40", "@").replace("%3D", "=");
        let Some((connection, pushes)) = &mut self.stalled else { return false };
        let is_push = line.starts_with("POST") && line.contains(connection.as_str());
        *pushes += usize::from(is_push);
        is_push
    }

    /// Counts a request and returns its fault, if it has one.
    fn next_fault(&mut self, operation: String, input: Value) -> Option<Fault> {
        let count = self.counts.entry(operation.clone()).or_default();
        *count += 1;
        let mut rules = self.rules.iter();
        let rule = rules.find(|rule| rule.operation == operation && rule.calls.contains(count));
        if rule.is_some() {
            self.faulted.insert(operation.clone());
        }
        self.requests.push((operation, input));
        rule.map(|rule| rule.fault.clone())
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
        let mut unread = Vec::new();
        loop {
            let request = read_message(&mut self.client, &mut unread).await?;
            if self.script.lock().unwrap().is_stalled(&request) {
                self.client.write_all(&stalled().bytes()).await?;
                continue;
            }
            let input: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            let fault = self.script.lock().unwrap().next_fault(operation(&request), input.clone());
            let response = match fault {
                None => self.forward(&request).await?,
                Some(Fault::Response(status, body)) => response(status, &body),
                Some(Fault::Refused(status, code)) => response(status, &json!({ "__type": code })),
                Some(Fault::Conflict) => response(400, &conflict(&input)),
                Some(Fault::HungUp) => return Ok(()),
                Some(Fault::ResponseLost) => return self.forward(&request).await.map(|_| ()),
                Some(Fault::Late(time)) => {
                    let response = self.forward(&request).await?;
                    tokio::time::sleep(time).await;
                    response
                }
                Some(Fault::Partial) => self.forward_part(request, input).await?,
            };
            self.client.write_all(&response.bytes()).await?;
        }
    }

    async fn forward(&self, request: &Message) -> io::Result<Message> {
        let mut server = TcpStream::connect(self.server).await?;
        server.write_all(&request.bytes()).await?;
        read_message(&mut server, &mut Vec::new()).await
    }

    async fn forward_part(&self, mut request: Message, mut input: Value) -> io::Result<Message> {
        let withheld = withhold_first(&mut input);
        request.body = input.to_string().into_bytes();
        let mut output = json!({});
        if !is_empty(&input) {
            output = json(&self.forward(&request).await?);
        }
        output.as_object_mut().unwrap().extend(withheld.as_object().unwrap().clone());
        Ok(response(200, &output))
    }
}

/// The error of DynamoDB where every item is in another transaction.
fn conflict(request: &Value) -> Value {
    let reason = json!({ "Code": "TransactionConflict", "Message": "Transaction is ongoing" });
    let items = request["TransactItems"].as_array().unwrap().len();
    json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
        "CancellationReasons": vec![reason; items],
    })
}

/// Takes the first entry or key out of a request; returns what the response must report of it.
fn withhold_first(request: &mut Value) -> Value {
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

/// Whether a request has no entries or keys left. AWS refuses such a request.
fn is_empty(request: &Value) -> bool {
    let tables = request["RequestItems"].as_object().into_iter().flatten();
    let keys = tables.map(|(_, table)| &table["Keys"]);
    keys.chain([&request["Entries"]]).filter_map(Value::as_array).all(Vec::is_empty)
}

/// The answer to a push that API Gateway cannot hold for the client any more.
fn stalled() -> Message {
    let mut message = Message::new("HTTP/1.1 429 .", "application/json", "{}");
    message.headers.push(("x-amzn-errortype".to_owned(), "LimitExceededException".to_owned()));
    message
}

/// A response with a body of JSON.
fn response(status: u16, body: &Value) -> Message {
    let start_line = format!("HTTP/1.1 {status} .");
    Message::new(&start_line, "application/x-amz-json-1.0", body.to_string())
}

/// The operation that the target names; the request line where there is no target.
fn operation(request: &Message) -> String {
    let target = request.header("x-amz-target").and_then(|target| target.rsplit('.').next());
    target.unwrap_or(&request.start_line).to_owned()
}

fn json(message: &Message) -> Value {
    serde_json::from_slice(&message.body).unwrap()
}
