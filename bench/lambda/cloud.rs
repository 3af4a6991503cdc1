//! AWS, as far as the functions call it: one plain HTTP endpoint that counts each request and gives
//! an answer that a fresh deployment could give.
//!
//! What one function sends is kept, so that the next one in the pipeline is given what it would get:
//! a message sent is the worker's event, an account written is the notifier's. It is no emulator: a
//! batch of keys finds nothing, no condition is checked. An operation that it does not know is
//! refused and fails the run.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use tierlift_bench::http::{self, Request, Response};

use crate::payload;

/// The open sockets of each user.
const SOCKETS: usize = 2;

/// How often each operation was asked for.
pub(crate) type Counts = BTreeMap<String, usize>;

/// The endpoint.
#[derive(Clone)]
pub(crate) struct Cloud {
    pub(crate) address: SocketAddr,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Default)]
struct Memory {
    counts: Counts,
    messages: Vec<Value>,
    items: HashMap<String, Value>,
    changed: Vec<Value>,
    item_bytes_max: Counts,
    unknown: Vec<String>,
}

impl Cloud {
    pub(crate) fn start() -> Result<Self> {
        let memory = Arc::new(Mutex::new(Memory::default()));
        let shared = Arc::clone(&memory);
        let address = http::serve(move |request| Some(lock(&shared).answer(&request)))?;
        Ok(Self { address, memory })
    }

    /// What was asked for since the last time, and that all of it was understood.
    pub(crate) fn take_counts(&self) -> Result<Counts> {
        let mut memory = lock(&self.memory);
        ensure!(memory.unknown.is_empty(), "unknown requests: {:?}", memory.unknown);
        Ok(std::mem::take(&mut memory.counts))
    }

    /// The inputs of all `SendMessage` so far.
    pub(crate) fn messages(&self) -> Vec<Value> {
        lock(&self.memory).messages.clone()
    }

    /// The largest item written of each kind, by DynamoDB's own measure.
    pub(crate) fn item_bytes_max(&self) -> Counts {
        lock(&self.memory).item_bytes_max.clone()
    }

    /// The account items whose role changed, as written.
    pub(crate) fn changed(&self) -> Vec<Value> {
        lock(&self.memory).changed.clone()
    }
}

fn lock(memory: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memory {
    fn answer(&mut self, request: &Request) -> Response {
        let operation = operation(request);
        *self.counts.entry(operation.clone()).or_default() += 1;
        let input = serde_json::from_slice(request.body()).unwrap_or(Value::Null);
        let Some(output) = self.output(&operation, &input) else {
            self.unknown.push(format!("{operation} {}", request.path));
            return Response::new(400, r#"{"__type":"UnknownOperationException"}"#);
        };
        let response = Response::new(200, output.to_string());
        response.with("Content-Type", "application/x-amz-json-1.0")
    }

    fn output(&mut self, operation: &str, input: &Value) -> Option<Value> {
        let output = match operation {
            "SendMessage" => {
                self.messages.push(input.clone());
                json!({"MessageId": "5fea7756-0ea4-451a-a703-a558b933e274",
                       "SequenceNumber": "18849496460467696128"})
            }
            "GetSecretValue" => secret(text(input, "/SecretId")),
            "BatchGetItem" => nothing_of(input.pointer("/RequestItems")),
            "GetItem" => self.item(text(input, "/Key/pk/S")),
            "PutItem" => {
                self.write(input.pointer("/Item"));
                json!({})
            }
            "TransactWriteItems" => {
                for action in input.pointer("/TransactItems")?.as_array()? {
                    self.write(action.pointer("/Put/Item"));
                }
                json!({})
            }
            "Query" => found(input),
            "DeleteItem"
            | "UpdateItem"
            | "ChangeMessageVisibility"
            | "PostToConnection"
            | "DeleteConnection" => json!({}),
            _ => return None,
        };
        Some(output)
    }

    fn item(&self, key: &str) -> Value {
        self.items.get(key).map_or_else(|| json!({}), |item| json!({"Item": item}))
    }

    fn write(&mut self, item: Option<&Value>) {
        let Some(item) = item else { return };
        if item.get("change").is_some() {
            self.changed.push(item.clone());
        }
        let key = text(item, "/pk/S");
        let kind = key.split('#').next().unwrap_or_default();
        let largest = self.item_bytes_max.entry(kind.to_owned()).or_default();
        *largest = (*largest).max(item_bytes(item));
        self.items.insert(key.to_owned(), item.clone());
    }
}

/// An item's size by the rules of
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>.
fn item_bytes(item: &Value) -> usize {
    let attributes = item.as_object().into_iter().flatten();
    attributes.map(|(name, value)| name.len() + value_bytes(value)).sum()
}

fn value_bytes(value: &Value) -> usize {
    let typed = value.as_object().and_then(|value| value.iter().next());
    let Some((kind, inner)) = typed else { return 0 };
    let length = inner.as_str().map_or(0, str::len);
    match (kind.as_str(), inner) {
        ("N", _) => length.div_ceil(2) + 1,
        ("S", _) => length,
        ("L", Value::Array(all)) => {
            3 + all.iter().map(|value| 1 + value_bytes(value)).sum::<usize>()
        }
        ("M", Value::Object(all)) => 3 + all.len() + item_bytes(inner),
        _ => 1,
    }
}

/// The operation of the request's `X-Amz-Target`, or of the method on `@connections`.
fn operation(request: &Request) -> String {
    let target = request.header("x-amz-target").and_then(|target| target.rsplit('.').next());
    match (target, request.method.as_str()) {
        (Some(target), _) => target.to_owned(),
        (None, "POST") if connection(request) => "PostToConnection".to_owned(),
        (None, "DELETE") if connection(request) => "DeleteConnection".to_owned(),
        (None, method) => format!("{method} {}", request.path),
    }
}

fn connection(request: &Request) -> bool {
    request.path.contains("/@connections/") || request.path.contains("/%40connections/")
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn secret(arn: &str) -> Value {
    let known = [payload::WEBHOOK_SECRET, payload::JWT_SECRET];
    let named = known.into_iter().find(|(of, _)| arn == *of);
    json!({"ARN": arn, "Name": "bench", "SecretString": named.map(|(_, text)| text)})
}

/// Each table that was asked, with no item.
fn nothing_of(tables: Option<&Value>) -> Value {
    let tables = tables.and_then(Value::as_object).into_iter().flatten();
    let responses: serde_json::Map<_, _> =
        tables.map(|(table, _)| (table.clone(), json!([]))).collect();
    json!({"Responses": responses, "UnprocessedKeys": {}})
}

/// The sockets of a user, whoever it is; of any other index nothing.
fn found(input: &Value) -> Value {
    let sockets = if text(input, "/IndexName") == "connections" { SOCKETS } else { 0 };
    let values = input.pointer("/ExpressionAttributeValues").and_then(Value::as_object);
    let user = values.into_iter().flatten().map(|(_, value)| text(value, "/S"));
    let user = user.max_by_key(|user| user.len()).unwrap_or_default();
    let items: Vec<_> = (0..sockets)
        .map(|socket| {
            json!({"pk": {"S": format!("CONN#L0SM9cOFvHcCI{socket}=")},
                   "conn_user": {"S": user},
                   "connected_at": {"N": format!("179500000000{socket}")}})
        })
        .collect();
    json!({"Count": items.len(), "ScannedCount": items.len(), "Items": items})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_as_large_as_dynamodb_says() {
        let item = json!({
            "pk": {"S": "USER#ada"},
            "version": {"N": "12345"},
            "on": {"BOOL": true},
            "list": {"L": [{"S": "ab"}, {"N": "1"}]},
            "map": {"M": {"k": {"S": "v"}}},
        });
        // 2+8, 7+4, 2+1, 4+(3+3+3), 3+(3+1+2)
        assert_eq!(item_bytes(&item), 10 + 11 + 3 + 13 + 9);
    }
}
