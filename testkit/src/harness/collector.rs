//! A collector of traces: it takes OTLP over HTTP on 127.0.0.1, and reads it by the published protocol.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{self, ResourceSpans, status::StatusCode},
};
use prost::Message as _;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::client::read_message;
use crate::http::Message;

/// A span as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its name.
    pub name: String,
    /// The name of the service.
    pub service: String,
    /// The trace's id, in hexadecimal digits.
    pub trace: String,
    /// Its own id, likewise.
    pub id: String,
    /// The id of its parent; empty if it has none.
    pub parent: String,
    /// Its attributes as text.
    pub attributes: BTreeMap<String, String>,
    /// Whether it is marked as failed.
    pub is_failed: bool,
}

/// What a collector does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Takes it.
    Takes,
    /// Reads it and never answers.
    Silent,
}

/// A running collector. It ends when it is dropped.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<Span>>>,
    requests: Arc<Mutex<usize>>,
    running: JoinHandle<()>,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Collector {
    /// Starts one.
    pub async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (spans, requests) = (Arc::default(), Arc::default());
        let (arrived, counted) = (Arc::clone(&spans), Arc::clone(&requests));
        let running = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, manner, Arc::clone(&arrived), Arc::clone(&counted)));
            }
        });
        Self { address, spans, requests, running }
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` says.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests have come.
    #[must_use]
    pub fn requests(&self) -> usize {
        *self.requests.lock().unwrap()
    }

    /// The spans of an event, in the order of their arrival.
    #[must_use]
    pub fn spans_of(&self, event: &str) -> Vec<Span> {
        let spans = self.spans.lock().unwrap();
        let is_of = |span: &&Span| {
            span.attributes.get("tierlift.event.id").is_some_and(|known| known == event)
        };
        spans.iter().filter(is_of).cloned().collect()
    }
}

async fn serve(
    mut client: TcpStream,
    manner: Manner,
    spans: Arc<Mutex<Vec<Span>>>,
    requests: Arc<Mutex<usize>>,
) {
    let mut unread = Vec::new();
    while let Ok(request) = read_message(&mut client, &mut unread).await {
        *requests.lock().unwrap() += 1;
        if manner == Manner::Silent {
            continue;
        }
        assert_eq!(request.start_line, "POST /v1/traces HTTP/1.1");
        assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
        spans.lock().unwrap().extend(read(&request.body));
        let body = ExportTraceServiceResponse::default().encode_to_vec();
        let answer = Message::new("HTTP/1.1 200 OK", "application/x-protobuf", body);
        if client.write_all(&answer.bytes()).await.is_err() {
            return;
        }
    }
}

fn read(body: &[u8]) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    request.resource_spans.into_iter().flat_map(of_resource).collect()
}

fn of_resource(of: ResourceSpans) -> Vec<Span> {
    let resource = attributes(of.resource.unwrap_or_default().attributes);
    let service = resource.get("service.name").cloned().unwrap_or_default();
    let spans = of.scope_spans.into_iter().flat_map(|scope| scope.spans);
    spans.map(|span| of_service(&service, span)).collect()
}

fn of_service(service: &str, span: v1::Span) -> Span {
    let hex = |id: Vec<u8>| {
        id.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    };
    Span {
        name: span.name,
        service: service.to_owned(),
        trace: hex(span.trace_id),
        id: hex(span.span_id),
        parent: hex(span.parent_span_id),
        attributes: attributes(span.attributes),
        is_failed: span.status.is_some_and(|status| status.code() == StatusCode::Error),
    }
}

fn attributes(pairs: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value| match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    let value = |pair: KeyValue| text(pair.value.and_then(|value| value.value));
    pairs.into_iter().map(|pair| (pair.key.clone(), value(pair))).collect()
}
