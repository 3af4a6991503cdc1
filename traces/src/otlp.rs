//! Spans by OpenTelemetry, exported in batches on a thread of its own. Who ends a span puts it into a queue of limited
//! length; where that is full, because the collector is slow or unavailable, the span is dropped and nothing else.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use opentelemetry::{
    Context, KeyValue,
    global::{self, BoxedSpan},
    propagation::TextMapPropagator as _,
    trace::{Span as _, SpanKind, Status, Tracer as _},
};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};

use crate::{
    Key, Stage, are_wanted,
    client::Client,
    limits::{FINISH_TIMEOUT_MS, FLUSH_TIMEOUT_MS},
    variable,
};

const TRACEPARENT: &str = "traceparent";
/// The only protocol that is built in.
const PROTOCOL: &str = "http/protobuf";
const PROTOCOLS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];

/// The span of a stage. It ends when it is dropped.
#[derive(Debug)]
pub struct Span {
    span: BoxedSpan,
    received: Option<String>,
}

impl Span {
    /// Begins the span of a stage. It continues the W3C `traceparent` that was received, or begins a trace.
    #[must_use]
    pub fn start(stage: Stage, received: Option<String>) -> Self {
        let parent = received.as_deref().map(context).unwrap_or_default();
        let tracer = global::tracer("tierlift");
        let builder = tracer.span_builder(stage.as_str()).with_kind(kind(stage));
        Self { span: tracer.build_with_context(builder, &parent), received }
    }

    /// Sets an attribute.
    pub fn set(&mut self, key: Key, value: &str) {
        if self.span.is_recording() {
            self.span.set_attribute(KeyValue::new(key.as_str(), value.to_owned()));
        }
    }

    /// Sets an attribute that is a number.
    pub fn count(&mut self, key: Key, value: u64) {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        self.span.set_attribute(KeyValue::new(key.as_str(), value));
    }

    /// Marks the stage as failed, with its cause.
    pub fn fail(&mut self, cause: &'static str) {
        self.set(Key::Cause, cause);
        self.span.set_status(Status::error(cause));
    }

    /// The W3C `traceparent` to hand on: the span's own, or what was received if nothing is traced.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        let context = self.span.span_context();
        if !context.is_valid() {
            return self.received.clone();
        }
        let (trace, span, flags) =
            (context.trace_id(), context.span_id(), context.trace_flags().to_u8());
        Some(format!("00-{trace}-{span}-{flags:02x}"))
    }
}

const fn kind(stage: Stage) -> SpanKind {
    match stage {
        Stage::Ingest => SpanKind::Server,
        Stage::Worker | Stage::Notifier => SpanKind::Consumer,
    }
}

fn context(traceparent: &str) -> Context {
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    TraceContextPropagator::new().extract(&carrier)
}

/// The export of spans. The last clone that is dropped waits a moment for the last ones to be sent.
#[derive(Clone, Debug)]
#[must_use = "spans are exported until it is dropped"]
pub struct Traces(Option<Arc<Exporter>>);

impl Traces {
    /// Starts the export, if the environment names a collector. `service` is the service's name, unless the environment
    /// has one. What is wrong with the environment is logged, and stops nothing else.
    pub fn start(service: &str) -> Self {
        if !are_wanted() {
            return Self(None);
        }
        let exporter = Exporter::start(service);
        Self(exporter.inspect_err(|error| tracing::error!(%error, "no traces")).ok().map(Arc::new))
    }

    /// Sends what has ended, where the process may be suspended after it. A collector that was too slow is not waited
    /// for again until it has taken a batch.
    pub fn flush(&self) {
        if let Some(exporter) = &self.0 {
            exporter.flush();
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0} is not built in, only {PROTOCOL} is")]
    Protocol(String),
    #[error(transparent)]
    Exporter(#[from] ExporterBuildError),
}

#[derive(Debug)]
struct Exporter {
    provider: SdkTracerProvider,
    flushing: Arc<Flushing>,
}

#[derive(Debug, Default)]
struct Flushing {
    is_running: AtomicBool,
    is_slow: AtomicBool,
}

impl Exporter {
    fn start(service: &str) -> Result<Self, Error> {
        let protocol = PROTOCOLS.into_iter().find_map(variable);
        if let Some(other) = protocol.filter(|protocol| protocol != PROTOCOL) {
            return Err(Error::Protocol(other));
        }
        let client = Client::from_environment();
        let exporter = SpanExporter::builder().with_http().with_http_client(client).build()?;
        let builder = SdkTracerProvider::builder().with_batch_exporter(exporter);
        let provider = builder.with_resource(resource(service)).build();
        global::set_tracer_provider(provider.clone());
        Ok(Self { provider, flushing: Arc::default() })
    }

    fn flush(&self) {
        if self.flushing.is_running.swap(true, Ordering::SeqCst) {
            return;
        }
        let (provider, flushing) = (self.provider.clone(), Arc::clone(&self.flushing));
        let (done, flushed) = mpsc::channel();
        thread::spawn(move || {
            let is_flushed = provider.force_flush().is_ok();
            flushing.is_slow.store(!is_flushed, Ordering::SeqCst);
            flushing.is_running.store(false, Ordering::SeqCst);
            // Whoever waited may have gone on.
            let _ = done.send(());
        });
        let timeout = Duration::from_millis(FLUSH_TIMEOUT_MS);
        let is_slow = &self.flushing.is_slow;
        if !is_slow.load(Ordering::SeqCst) && flushed.recv_timeout(timeout).is_err() {
            is_slow.store(true, Ordering::SeqCst);
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let timeout = Duration::from_millis(FINISH_TIMEOUT_MS);
        if let Err(error) = self.provider.shutdown_with_timeout(timeout) {
            tracing::warn!(%error, "last spans lost");
        }
    }
}

fn resource(service: &str) -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let builder = Resource::builder().with_attribute(version);
    let attributes = variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    if variable("OTEL_SERVICE_NAME").is_some() || attributes.contains("service.name=") {
        return builder.build();
    }
    builder.with_service_name(service.to_owned()).build()
}
